"""Where a session was begun: enough for a person to recognise their own device, and no more."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Literal

import msgspec

from auth_core.kernel import IpAddress, parse_address

IpDetail = Literal["full", "network", "none"]
"""How much of an address is kept: all, its /24 (IPv4) or /48 (IPv6) network, nothing."""

_MAX_HEADER = 1024
_PREFIX = {4: 24, 6: 48}
# The first that occurs is the family: browsers name every browser that they descend from.
_BROWSERS: Mapping[str, str] = {
    "Edg/": "Edge",
    "EdgA/": "Edge",
    "EdgiOS/": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Vivaldi/": "Vivaldi",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_PRODUCT = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


class SessionOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """The client that signed in, if it was a registered one, its user agent's family, its address.

    A session with a ``client_id`` is bound to it: no other client can refresh it.
    """

    client_id: str | None = None
    user_agent: str | None = None
    ip_address: str | None = None


def user_agent_family(header: str) -> str | None:
    """The browser of a ``User-Agent`` header, or its first product (RFC 9110 §10.1.5)."""
    header = header[:_MAX_HEADER]
    for sign, family in _BROWSERS.items():
        if sign in header:
            return family
    product = _PRODUCT.match(header)
    return None if product is None else product[0]


@lru_cache(maxsize=1024)  # parsing an address costs more than all else a sign-in does with it
def kept_address(address: str, detail: IpDetail) -> str | None:
    """What may be kept of an IP address; None for what is none. IPv4 in IPv6 counts as IPv4."""
    if detail == "none":
        return None
    parsed = parse_address(address)
    return None if parsed is None else _KEEP[detail](parsed)


def _network(address: IpAddress) -> str:
    return str(ip_network((address, _PREFIX[address.version]), strict=False))


_KEEP: Mapping[str, Callable[[IpAddress], str]] = {
    "full": str,
    "network": _network,
}
