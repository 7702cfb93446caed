"""The DNS in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auth_core.organizations import DomainNames, LookupFailed, OrganizationDomain


class InMemoryDomainNames:
    """Records that a test publishes; everything else has none."""

    def __init__(self) -> None:
        self.public = {"com", "co.uk", "gmail.com"}
        self.records: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.fails = False

    def publish(self, claim: OrganizationDomain) -> None:
        """Show the challenge of a claim."""
        self.records.setdefault(claim.record_name, []).append(claim.record_value)

    async def is_public(self, domain: str) -> bool:
        """One of `public`."""
        return domain in self.public

    async def texts(self, name: str) -> Sequence[str]:
        """What was published under ``name``."""
        self.asked.append(name)
        if self.fails:
            raise LookupFailed
        return list(self.records.get(name, ()))


if TYPE_CHECKING:
    _: type[DomainNames] = InMemoryDomainNames
