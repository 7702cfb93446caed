"""The DNS in memory, and the claims of domains."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import OrganizationId
from auth_core.organizations import (
    DomainId,
    DomainNames,
    DomainRepository,
    DomainTaken,
    LookupFailed,
    OrganizationDomain,
    OrganizationNotFound,
)
from auth_core.testing.store import Transaction


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


class InMemoryDomainRepository:
    """Claims of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, domain: OrganizationDomain) -> None:
        """Hold the pair, then see whether it is free."""
        rows = self._transaction
        await rows.statement("domains.add")
        await rows.lock(("claim", domain.organization_id, domain.domain))
        if rows.organizations.get(domain.organization_id) is None:
            rows.violated(OrganizationNotFound())
        if rows.domains.where(
            lambda each: (
                (each.organization_id, each.domain) == (domain.organization_id, domain.domain)
            )
        ):
            rows.violated(DomainTaken())
        rows.domains.put(domain.id, domain)

    async def get(
        self, organization_id: OrganizationId, domain_id: DomainId
    ) -> OrganizationDomain | None:
        """The claim, or None."""
        await self._transaction.statement("domains.get")
        return self._get(organization_id, domain_id)

    async def all(self, organization_id: OrganizationId) -> Sequence[OrganizationDomain]:
        """Those of an organization."""
        await self._transaction.statement("domains.all")
        found = self._transaction.domains.where(
            lambda each: each.organization_id == organization_id
        )
        return sorted(found, key=lambda each: each.id)

    async def verify(
        self, organization_id: OrganizationId, domain_id: DomainId, at: datetime
    ) -> OrganizationDomain | None:
        """Hold the domain, then see whether it is another's."""
        await self._transaction.statement("domains.verify")
        stored = self._get(organization_id, domain_id)
        if stored is None:
            return None
        await self._transaction.lock(("domain", stored.domain))
        other = self._owner(stored.domain)
        if other is not None and other.id != domain_id:
            self._transaction.violated(DomainTaken())
        if stored.verified_at is not None:
            return stored
        verified = msgspec.structs.replace(stored, verified_at=at)
        return self._transaction.domains.put(domain_id, verified)

    async def remove(self, organization_id: OrganizationId, domain_id: DomainId) -> bool:
        """Drop it, if it is there."""
        await self._transaction.statement("domains.remove")
        stored = self._get(organization_id, domain_id)
        if stored is not None:
            self._transaction.domains.drop(domain_id)
        return stored is not None

    async def owner(self, domain: str) -> OrganizationDomain | None:
        """The proven one."""
        await self._transaction.statement("domains.owner")
        return self._owner(domain)

    def _get(
        self, organization_id: OrganizationId, domain_id: DomainId
    ) -> OrganizationDomain | None:
        stored = self._transaction.domains.get(domain_id)
        return stored if stored and stored.organization_id == organization_id else None

    def _owner(self, domain: str) -> OrganizationDomain | None:
        found = self._transaction.domains.where(
            lambda each: each.domain == domain and each.verified_at is not None
        )
        return found[0] if found else None


if TYPE_CHECKING:
    _names: type[DomainNames] = InMemoryDomainNames
    _domains: type[DomainRepository] = InMemoryDomainRepository
