"""Where a request comes from, as far as limits are concerned."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

IpAddress = IPv4Address | IPv6Address

_NETWORK: Final = {4: 24, 6: 48}
_LIMITED: Final = {4: 32, 6: 64}


@lru_cache(maxsize=1024)  # the same peers come again and again
def parse_address(text: str) -> IpAddress | None:
    """An IP address without its zone, or None. IPv4 in IPv6 (RFC 4291 §2.5.5.2) counts as IPv4."""
    try:
        parsed: IpAddress = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


class Source(msgspec.Struct, frozen=True):
    """A client's address, None when it has none; those all count as one source."""

    address: str | None = None

    @property
    def limited(self) -> str:
        """Who shares a limit: an IPv4 address, the /64 of an IPv6 address (one subscriber)."""
        return self._within(_LIMITED)

    @property
    def network(self) -> str:
        """The network as it may be told to others: /24 of IPv4, /48 of IPv6."""
        return self._within(_NETWORK)

    def _within(self, prefixes: dict[int, int]) -> str:
        address = None if self.address is None else parse_address(self.address)
        if address is None:
            return "unknown"
        # `ip_network` takes several times as long, and every counted request asks
        prefix = prefixes[address.version]
        rest = address.max_prefixlen - prefix
        return f"{type(address)(int(address) >> rest << rest)}/{prefix}"
