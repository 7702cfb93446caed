"""Where deliveries may go: public addresses only, whatever form they come in (SEC-64)."""

from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from auth_core.kernel import IpAddress

_SPECIAL_V4: Final = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24"),
            *("192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # public in form; in Azure it is the host of the machine
        ),
    )
)
_PRIVATE_V4: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
)
_PRIVATE_V6: Final = tuple(map(ip_network, ("::1/128", "fc00::/7")))
# where cloud providers keep the metadata of a machine, within what is private
_METADATA_V6: Final = tuple(map(ip_network, ("fd00:ec2::/32", "fd20:ce::/32")))
_GLOBAL_V6: Final = ip_network("2000::/3")
# IETF protocol assignments with Teredo and ORCHID, documentation, 6to4
_SPECIAL_V6: Final = tuple(
    map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64: Final = ip_network("64:ff9b::/96")


class Reach(Enum):
    """How far an address reaches."""

    PUBLIC = "public"
    PRIVATE = "private"
    """This machine or its networks: allowed only where a deployment says so, for development."""
    FORBIDDEN = "forbidden"
    """Never: link-local with the metadata of clouds, multicast, shared, reserved, tunnels."""


def reach(address: IpAddress) -> Reach:
    """How far ``address`` reaches, by the registries of RFC 6890.

    IPv4 within IPv6 (mapped, RFC 4291 §2.5.5.2; NAT64, RFC 6052 §2.1) counts as what it leads to.
    """
    if isinstance(address, IPv6Address):
        return _reach_v6(address)
    if any(address in network for network in _SPECIAL_V4):
        return Reach.FORBIDDEN
    if any(address in network for network in _PRIVATE_V4):
        return Reach.PRIVATE
    return Reach.PUBLIC


def _reach_v6(address: IPv6Address) -> Reach:
    if address.ipv4_mapped is not None and address.scope_id is None:
        return reach(address.ipv4_mapped)
    if address in _NAT64:
        through = reach(IPv4Address(int(address) & 0xFFFF_FFFF))
        return through if through is Reach.PUBLIC else Reach.FORBIDDEN
    if address.scope_id is not None or any(address in network for network in _METADATA_V6):
        return Reach.FORBIDDEN
    if any(address in network for network in _PRIVATE_V6):
        return Reach.PRIVATE
    if address not in _GLOBAL_V6 or any(address in network for network in _SPECIAL_V6):
        return Reach.FORBIDDEN
    return Reach.PUBLIC
