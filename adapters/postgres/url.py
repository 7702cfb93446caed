"""Reading a DATABASE_URL without ever showing the password in it."""

from urllib.parse import parse_qs, urlsplit

from adapters.postgres.errors import InvalidDatabaseUrl
from auth_core.kernel import Secret

_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
_DEFAULT_PORT = 5432


def dsn(url: Secret[str]) -> str:
    """The URL as asyncpg takes it. It holds the password: pass it on, never show it.

    Raises InvalidDatabaseUrl, whose message does not quote it.
    """
    scheme, separator, rest = url.reveal().partition("://")
    if not separator or scheme not in _SCHEMES:
        raise InvalidDatabaseUrl(
            "DATABASE_URL must look like postgresql://user:password@host:5432/database."
        )
    _split(url)
    return f"postgresql://{rest}"


def location(url: Secret[str]) -> str:
    """Host, port and database, for messages: ``db.internal:5432/auth``, ``/run/postgresql/auth``.

    Raises InvalidDatabaseUrl.
    """
    host, port, database = _split(url)
    return f"{host}/{database}" if host.startswith("/") else f"{host}:{port}/{database}"


def _split(url: Secret[str]) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url.reveal())
        query = parse_qs(parts.query)
        port = parts.port or int(query.get("port", [_DEFAULT_PORT])[0])
    except ValueError:
        # a '/', '#' or '?' in a password that is not percent-encoded ends up in the port
        raise InvalidDatabaseUrl(
            "DATABASE_URL has a host or port that cannot be read. Percent-encode the special "
            "characters of the user name and the password."
        ) from None
    host = query.get("host", [parts.hostname or "localhost"])[0]
    return host, port, parts.path.lstrip("/") or "the default database"
