"""Reading a DATABASE_URL without ever showing the password in it."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from adapters.postgres.errors import InvalidDatabaseUrl
from adapters.several_hosts import hosts_apart
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


def dsns(url: Secret[str]) -> list[str]:
    """`dsn` for each server of a URL that names several behind its user: the same of each.

    Raises InvalidDatabaseUrl.
    """
    whole = dsn(url)
    hosts, parts = hosts_apart(whole)
    if "host" in parse_qs(parts.query):  # the driver's own way
        return [whole]
    user, at, _ = parts.netloc.rpartition("@")
    before = f"{parts.scheme}://{user}{at}"
    rest = whole[len(before) + len(hosts) :]
    return [f"{before}{host}{rest}" for host in hosts.split(",")]


def location(url: Secret[str]) -> str:
    """Hosts, ports and database, for messages: ``db.internal:5432/auth``, ``/run/postgresql/auth``,
    ``one:5432,two:5432/auth``.

    Raises InvalidDatabaseUrl.
    """
    places, database = _split(url)
    shown = [host if host.startswith("/") else f"{host}:{port}" for host, port in places]
    return f"{','.join(shown)}/{database}"


def _split(url: Secret[str]) -> tuple[list[tuple[str, int]], str]:
    try:
        hosts, parts = hosts_apart(url.reveal())
        query = parse_qs(parts.query)
        places = _of_query(query) if "host" in query else _of_netloc(hosts, query)
    except ValueError:
        # a '/', '#' or '?' in a password that is not percent-encoded ends up in the port
        raise InvalidDatabaseUrl(
            "DATABASE_URL has a host or port that cannot be read. Percent-encode the special "
            "characters of the user name and the password."
        ) from None
    return places, parts.path.lstrip("/") or "the default database"


def _of_netloc(hosts: str, query: Mapping[str, list[str]]) -> list[tuple[str, int]]:
    """Servers as ``one:5432,two:5433``: whichever fits, see ``target_session_attrs`` of libpq."""
    default = int(query.get("port", [_DEFAULT_PORT])[0])
    found = []
    for each in hosts.split(","):
        one = urlsplit(f"//{each}")
        found.append((one.hostname or "localhost", one.port or default))
    return found


def _of_query(query: Mapping[str, list[str]]) -> list[tuple[str, int]]:
    hosts = query["host"][0].split(",")
    ports = [int(port) for port in query.get("port", [str(_DEFAULT_PORT)])[0].split(",")]
    if len(ports) not in {1, len(hosts)}:
        raise ValueError
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))
