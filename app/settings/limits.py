"""The settings of request limits and of the proxies in front."""

from ipaddress import ip_network

from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind

_UNIX = "unix"
_MAX_NETWORKS = 256
_MAX_TEXT = 16_384


def networks() -> Kind:
    """Networks in CIDR notation, or single addresses, with commas between; ``unix`` is one."""

    def parse_all(text: str) -> tuple[str, ...]:
        if len(text) > _MAX_TEXT:
            raise BadValue("is too long")
        entries = dict.fromkeys(_network(entry.strip()) for entry in text.split(","))
        if len(entries) > _MAX_NETWORKS:
            raise BadValue(f"has more than {_MAX_NETWORKS} entries")
        return tuple(entries)

    return Kind(
        parse=parse_all,
        allowed="networks like 10.0.0.0/8 or addresses, with commas between; `unix` for whoever"
        " connects over a unix socket",
    )


def _network(entry: str) -> str:
    if entry.lower() == _UNIX:
        return _UNIX
    try:
        network = ip_network(entry)
    except ValueError as error:
        raise BadValue(
            f"has the entry {entry[:80]!a}, which is not a network (bits beyond its prefix must"
            " be 0)"
        ) from error
    if network.prefixlen == 0:
        raise BadValue("has a network of everybody: then anybody could claim any address")
    return str(network)


LIMITS = (
    Field(
        name="RATE_LIMIT_ENABLED",
        attribute="limits.enabled",
        kind=parse.boolean(),
        default="true",
        development="false",
        description="Whether requests are limited: by address, user and organization, and sign-ins"
        " by account",
    ),
    Field(
        name="RATE_LIMIT_REQUESTS",
        attribute="limits.requests",
        kind=parse.integer(1, 1_000_000),
        default="600",
        description="Requests per period, over all workers, of one user, or of one address (an IPv6"
        " /64) without a token; an organization has ten times as many. Reads with a token are not"
        " counted; sign-in, registration, refresh and mail have limits of their own",
    ),
    Field(
        name="RATE_LIMIT_PERIOD",
        attribute="limits.period",
        kind=parse.integer(1, 86_400),
        default="60",
        description="Length of that period in seconds",
    ),
)

PROXIES = (
    Field(
        name="AUTH_TRUSTED_PROXIES",
        attribute="proxies.trusted",
        kind=networks(),
        default_note="none: the peer is the client",
        example="10.0.0.0/8",
        description="Proxies whose word about the client's address counts; nobody else's does",
    ),
    Field(
        name="AUTH_PROXY_HEADER",
        attribute="proxies.header",
        kind=parse.choice("X-Forwarded-For", "Forwarded", "X-Real-IP"),
        default="X-Forwarded-For",
        description="The one header in which they say it; they must set it themselves, or append"
        " to it",
    ),
    Field(
        name="AUTH_PROXY_HOPS",
        attribute="proxies.hops",
        kind=parse.integer(1, 32),
        default_note="not set: the first address from the right that is no listed proxy",
        example="1",
        description="How many proxies stand in front: the client is that many entries from the"
        " right",
    ),
)
