"""Parsers of what carries a credential: server URLs and the master key."""

import base64
import binascii
import re
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from app.settings import cluster, sentinel
from app.settings.parse import BadValue, Kind
from auth_core.kernel import Secret

_DATABASE_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
_NATS_SCHEMES = frozenset({"nats", "tls"})
_UNSAFE_IN_URL = re.compile(r"[^!-~]")
_MAX_URL = 4096
_REDIS_PORT = 6379
_ALONE = {
    "REDIS_MODE": "standalone",
    "REDIS_SENTINEL_HOSTS": None,
    "REDIS_MASTER_SET": None,
    "REDIS_SENTINEL_PASSWORD": None,
}
_MASTER_KEY_BYTES = 32
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_BASE64_KEY = re.compile(r"[A-Za-z0-9+/_-]{43}=?")


def database_url() -> Kind:
    """A PostgreSQL URL, normalised to the ``postgresql+asyncpg`` scheme."""
    return Kind(
        parse=_database_url,
        allowed="postgresql://user:password@host:port/database"
        " (also postgres:// and postgresql+asyncpg://); several hosts as"
        " one:5432,two:5432/database?target_session_attrs=primary",
    )


def redis_url() -> Kind:
    """A Redis or Valkey URL."""
    return Kind(
        parse=_redis_url,
        allowed="redis://:password@host:port/0, rediss://…, unix:///path/to/socket?db=0,"
        " redis+sentinel://:password@host:port,host:port,host:port/0?master=NAME or"
        " redis+cluster://:password@host:port,host:port",
    )


def nats_url() -> Kind:
    """The URLs of NATS servers of one cluster."""
    return Kind(
        parse=_nats_url,
        allowed="nats://user:password@host:4222, with a token nats://token@host:4222, with TLS"
        " tls://…; several separated by commas",
    )


def master_key() -> Kind:
    """32 bytes in base64, base64url or hexadecimal."""
    return Kind(
        parse=_master_key,
        allowed="32 random bytes in base64, base64url or hexadecimal,"
        " e.g. from `openssl rand -base64 32`",
    )


def compose_redis_url(*, host: str, port: int, db: int, password: str | None) -> Secret[str]:
    """The URL that says the same as REDIS_HOST, REDIS_PORT, REDIS_DB and REDIS_PASSWORD."""
    credential = f":{quote(password, safe='')}@" if password else ""
    bracketed = f"[{host}]" if ":" in host else host
    return Secret(f"redis://{credential}{bracketed}:{port}/{db}")


def split_redis_url(url: Secret[str]) -> dict[str, object]:
    """The parts of a Redis URL under the names of the settings that say the same."""
    scheme = url.reveal().partition("://")[0]
    if scheme in sentinel.SCHEMES:
        return sentinel.split(url.reveal())
    if scheme in cluster.SCHEMES:
        return cluster.split(url.reveal())
    parts = urlsplit(url.reveal())
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix":
        db = parse_qs(parts.query).get("db", ["0"])[0]
        return {
            "REDIS_HOST": None,
            "REDIS_PORT": None,
            "REDIS_DB": int(db),
            "REDIS_PASSWORD": password,
            **_ALONE,
        }
    return {
        "REDIS_HOST": parts.hostname,
        "REDIS_PORT": parts.port or _REDIS_PORT,
        "REDIS_DB": int(parts.path.strip("/") or 0),
        "REDIS_PASSWORD": password,
        **_ALONE,
    }


def show_url(url: str) -> str:
    """A parsed URL without anything that may be a credential: no user info and no query."""
    scheme, found, rest = url.partition("://")
    if not found:
        return "***"
    user_info, at, location = rest.rpartition("@")
    if "?" in user_info or "#" in user_info:
        return f"{scheme}://***"
    location, question, _ = location.partition("?")
    return f"{scheme}://{'***@' if at else ''}{location}{'?***' if question else ''}"


def _database_url(text: str) -> Secret[str]:
    scheme = text.partition(":")[0].lower()
    if scheme.startswith("sqlite"):
        raise BadValue(
            "names SQLite, which this service does not use: leave DATABASE_URL out and"
            " `fm-auth serve` starts its own PostgreSQL"
        )
    for each in _one_by_one(text):
        parts = _split(each, _DATABASE_SCHEMES)
        if not parts.hostname and not re.search(r"(?:^|&)host=.", parts.query):
            raise BadValue("names no host")
    if not parts.path.strip("/"):
        raise BadValue("names no database")
    return Secret("postgresql+asyncpg" + text[len(scheme) :])


def _one_by_one(text: str) -> list[str]:
    """The URL of each server of one that names several, as libpq has it."""
    scheme, separator, rest = text.partition("://")
    place, slash, database = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    before, after = f"{scheme}{separator}{user}{at}", f"{slash}{database}"
    return [f"{before}{host}{after}" for host in hosts.split(",")]


def _redis_url(text: str) -> Secret[str]:
    if text.partition("://")[0].lower() in sentinel.SCHEMES:
        return sentinel.parse_sentinel_url(
            text.partition("://")[0].lower() + text[text.index(":") :]
        )
    if text.partition("://")[0].lower() in cluster.SCHEMES:
        return cluster.parse_cluster_url(text.partition("://")[0].lower() + text[text.index(":") :])
    parts = _split(text, _REDIS_SCHEMES)
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise BadValue("names no socket")
        if not re.fullmatch(r"[0-9]{1,4}", parse_qs(parts.query).get("db", ["0"])[0]):
            raise BadValue("has a db that is not a database number")
    elif not parts.hostname:
        raise BadValue("names no host")
    elif not re.fullmatch(r"/?[0-9]{0,4}", parts.path):
        raise BadValue("has a path that is not a database number")
    return Secret(parts.scheme + text[len(parts.scheme) :])


def _nats_url(text: str) -> Secret[str]:
    for each in text.split(","):
        parts = _split(each, _NATS_SCHEMES)
        if not parts.hostname:
            raise BadValue("names no host")
        if parts.path.strip("/") or parts.query:
            raise BadValue("has something behind the host and the port")
    return Secret(text)


def _split(text: str, schemes: frozenset[str]) -> SplitResult:
    if len(text) > _MAX_URL:
        raise BadValue("is too long")
    if _UNSAFE_IN_URL.search(text):
        raise BadValue("has a space, a control or a non-ASCII character (percent-encode it)")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadValue("is not a URL (percent-encode special characters of the password)") from None
    if parts.scheme not in schemes or not text[len(parts.scheme) :].startswith("://"):
        raise BadValue("has an unknown scheme")
    if port == 0:
        raise BadValue("has port 0")
    if "#" in text:
        raise BadValue("has a '#' (percent-encode it as %23)")
    if "@" in parts.path:
        raise BadValue("has an '@' behind the host (percent-encode '/' and '@' of the password)")
    return parts


def _master_key(text: str) -> Secret[bytes]:
    if _HEX_KEY.fullmatch(text):
        key = bytes.fromhex(text)
    elif _BASE64_KEY.fullmatch(text):
        key = _from_base64(text.rstrip("="))
    else:
        raise BadValue("is not 32 bytes in base64, base64url or hexadecimal")
    if len(set(key)) == 1:
        raise BadValue("repeats one byte")
    return Secret(key)


def _from_base64(digits: str) -> bytes:
    try:
        key = base64.b64decode(digits.translate({ord("-"): "+", ord("_"): "/"}) + "=")
    except binascii.Error:
        raise BadValue("is not base64") from None
    if len(key) != _MASTER_KEY_BYTES:
        raise BadValue("is not 32 bytes")
    return key
