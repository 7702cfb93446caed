"""Who really asks, when proxies stand between: their word counts only if they are listed."""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from litestar.types import Scope

from auth_core.kernel import IpAddress, Source, parse_address

ProxyHeader = Literal["X-Forwarded-For", "Forwarded", "X-Real-IP"]

UNIX = "unix"
"""In the list of proxies: whoever connects over a unix socket, and so has no address."""

_MAX_HEADER = 4096
_MAX_HOPS = 64
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'({_NAME})=({_NAME}|"[^"\\\x00-\x08\x0a-\x1f\x7f]*")')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]{1,64}))?"
_BRACKETED = re.compile(rf"\[([0-9A-Fa-f:.]{{2,45}})\]{_PORT}")
_V4_NODE = re.compile(rf"([0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}){_PORT}")
_BARE_V6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class Malformed(Exception):
    """A forwarding header that does not say what it must say."""


class Proxies:
    """Finds the client behind listed proxies (SEC-14). No header of anybody else is looked at.

    One header is read, the one that the proxies are known to set: a second one would be the
    client's own. It is read from the right, which is what the nearest proxy wrote. With ``hops``
    the client is that many entries from the right; without, it is the first one that is no listed
    proxy. A header that is missing, malformed or too short leaves the peer itself.
    """

    def __init__(
        self,
        trusted: Sequence[str],
        *,
        hops: int | None = None,
        header: ProxyHeader = "X-Forwarded-For",
    ) -> None:
        """``trusted`` has networks in CIDR notation, and perhaps `UNIX`."""
        self._unix = UNIX in trusted
        self._networks = [ip_network(each) for each in trusted if each != UNIX]
        self._hops = hops
        self._name = header.lower().encode()
        self._read = _READERS[header]

    def source(self, scope: Scope) -> Source:
        """Where the request of ``scope`` comes from."""
        peer = scope["client"]
        address = None if peer is None else parse_address(peer[0])
        if not self._is_proxy(address):
            return _source(address)
        try:
            return _source(self._client(scope))
        except Malformed:
            return _source(address)

    def _is_proxy(self, address: IpAddress | None) -> bool:
        if address is None:
            return self._unix
        return any(_contains(network, address) for network in self._networks)

    def _client(self, scope: Scope) -> IpAddress:
        # several headers of one name are one list (RFC 9110 §5.3)
        values = [value for name, value in scope["headers"] if name == self._name]
        text = b",".join(values).decode("latin-1")
        if not text or len(text) > _MAX_HEADER:
            raise Malformed
        nodes = list(self._read(text))
        if len(nodes) > _MAX_HOPS:
            raise Malformed
        if self._hops is not None:
            if len(nodes) < self._hops:
                raise Malformed
            return _address(nodes[-self._hops])
        address = None
        for node in reversed(nodes):
            address = _address(node)
            if not self._is_proxy(address):
                return address
        if address is None:
            raise Malformed
        return address  # all of them are ours: the farthest one asks


def _source(address: IpAddress | None) -> Source:
    return Source(None if address is None else str(address))


def _contains(network: IPv4Network | IPv6Network, address: IpAddress) -> bool:
    return network.version == address.version and address in network


def _listed(text: str) -> Iterator[str]:
    """X-Forwarded-For: addresses with commas between."""
    yield from (node.strip(" \t") for node in text.split(","))


def _alone(text: str) -> Iterator[str]:
    """X-Real-IP: one address. A list is none."""
    yield text.strip(" \t")


def _forwarded(text: str) -> Iterator[str]:
    """The ``for`` of each element of Forwarded (RFC 7239 §4). An element without one is empty."""
    text, position = text.strip(" \t"), 0
    node: str | None = None
    while True:
        pair = _PAIR.match(text, position)
        if pair is None:
            raise Malformed
        position = pair.end()
        if pair[1].lower() == "for":
            if node is not None:
                raise Malformed
            node = pair[2].strip('"')
            if node.count(":") > 1 and not node.startswith("["):  # §6: IPv6 stands in brackets
                raise Malformed
        if position == len(text):
            yield node or ""
            return
        comma = _COMMA.match(text, position)
        if comma is not None:
            yield node or ""
            node, position = None, comma.end()
        elif text[position] == ";":
            position += 1
        else:
            raise Malformed


def _address(node: str) -> IpAddress:
    """The address of a node, with or without a port (RFC 7239 §6). Raises Malformed."""
    for form in (_BRACKETED, _V4_NODE):
        matched = form.fullmatch(node)
        if matched is not None:
            node = matched[1]
            break
    address = parse_address(node) if _BARE_V6.fullmatch(node) else None
    if address is None:
        raise Malformed
    return address


_READERS: dict[str, Callable[[str], Iterator[str]]] = {
    "X-Forwarded-For": _listed,
    "Forwarded": _forwarded,
    "X-Real-IP": _alone,
}
