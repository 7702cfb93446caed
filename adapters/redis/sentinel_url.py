"""``redis+sentinel://:password@host:port,host:port,host:port/0?master=NAME``, and with TLS.

``rediss+sentinel://`` speaks TLS to servers and sentinels alike, with the ``ssl_…`` options that
redis-py knows. ``sentinel_username`` and ``sentinel_password`` are for the sentinels.
"""

from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, SSLConnection

from adapters.redis.dial import connection_options
from adapters.several_hosts import hosts_apart
from auth_core.kernel import Secret

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
_PORT: Final = 26379
_OURS: Final = frozenset({"master", "sentinel_username", "sentinel_password"})


class SentinelUrl(NamedTuple):
    """What such a URL says, as redis-py wants it."""

    kind: type[AbstractConnection]
    hosts: tuple[tuple[str, int], ...]
    master_set: str
    server: dict[str, Any]
    """Options of a connection to a server, but for host and port."""
    sentinel: dict[str, Any]
    """Options of a connection to a sentinel, but for host and port."""

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return issubclass(self.kind, SSLConnection)


def is_sentinel_url(url: Secret[str]) -> bool:
    """Whether sentinels say where the primary is."""
    return url.reveal().partition("://")[0] in SCHEMES


def parse_sentinel_url(url: Secret[str]) -> SentinelUrl:
    """Raises ValueError for what is none."""
    places, parts = hosts_apart(url.reveal())
    user_info, at, _ = parts.netloc.rpartition("@")
    query = parse_qsl(parts.query)
    ours = {name: value for name, value in query if name in _OURS}
    rest = urlencode([(name, value) for name, value in query if name not in _OURS])
    scheme = parts.scheme.partition("+")[0]
    kind, options = connection_options(f"{scheme}://{user_info}{at}sentinels{parts.path}?{rest}")
    del options["host"]
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    credentials = {
        name: ours[f"sentinel_{name}"]
        for name in ("username", "password")
        if f"sentinel_{name}" in ours
    }
    return SentinelUrl(
        kind=kind,
        hosts=tuple(_host(place) for place in places.split(",")),
        master_set=ours["master"],
        server=options,
        sentinel={**tls, **credentials},
    )


def _host(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError("a sentinel has no host")
    return parts.hostname, parts.port or _PORT
