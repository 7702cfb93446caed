"""TXT records by dnspython; public suffixes by the list of publicsuffix.org, as a package.

Both are loaded when somebody first claims a domain: few processes ever need them.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from auth_core.organizations import DomainNames, LookupFailed

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

DNS_PORT = 53
_TRY_SECONDS = 2.0
_LOOK_UP_SECONDS = 6.0
_EDNS_PAYLOAD = 1232  # fits into every path's packets (DNS flag day 2020)


class NameServer(msgspec.Struct, frozen=True):
    """Who is asked."""

    address: str
    """An IP address."""
    port: int = DNS_PORT


class DnsNames:
    """Asks ``servers``, or without any those of the operating system."""

    def __init__(
        self, servers: Sequence[NameServer] = (), *, seconds: float = _LOOK_UP_SECONDS
    ) -> None:
        """``seconds``: how long one look-up may take with all its tries."""
        self._servers = tuple(servers)
        self._seconds = seconds

    async def is_public(self, domain: str) -> bool:
        """As the port says."""
        if domain in _mailbox_providers():
            return True
        return (await asyncio.to_thread(_suffixes))(domain)

    async def texts(self, name: str) -> Sequence[str]:
        """As the port says. An alias (CNAME) is followed: its owner has set it."""
        from dns.exception import DNSException  # noqa: PLC0415 - see above
        from dns.rdatatype import TXT  # noqa: PLC0415
        from dns.resolver import NXDOMAIN, NoAnswer  # noqa: PLC0415

        try:
            resolver = await asyncio.to_thread(self._resolver)
            answer = await resolver.resolve(f"{name}.", TXT, lifetime=self._seconds, search=False)
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError, ValueError) as error:
            raise LookupFailed from error
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]

    def _resolver(self) -> "Resolver":
        """One without a cache, made for one look-up: the system's servers may change."""
        from dns.asyncresolver import Resolver  # noqa: PLC0415 - see above
        from dns.nameserver import Do53Nameserver  # noqa: PLC0415

        resolver = Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [
                Do53Nameserver(each.address, each.port) for each in self._servers
            ]
        resolver.timeout = min(_TRY_SECONDS, self._seconds)
        resolver.use_edns(0, 0, _EDNS_PAYLOAD)
        return resolver


@cache
def _suffixes() -> Callable[[str], bool]:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - see above

    return PublicSuffixList().is_public


@cache
def _mailbox_providers() -> frozenset[str]:
    lines = (files("adapters.dns") / "mailbox_providers.txt").read_text("ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


if TYPE_CHECKING:
    _: type[DomainNames] = DnsNames
