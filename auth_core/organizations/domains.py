"""Claiming e-mail domains, and proving by a TXT record that they are one's own."""

from collections.abc import Callable, Sequence

from auth_core.access import Permission, RoleBook
from auth_core.audit import AuditAction
from auth_core.credentials import new_token
from auth_core.kernel import (
    Clock,
    DomainEvent,
    Entropy,
    Ids,
    OrganizationId,
    PermissionDenied,
    UserId,
)
from auth_core.organizations.acting import Acting, Held
from auth_core.organizations.domain import (
    DomainId,
    DomainNames,
    EmailDomain,
    LookupFailed,
    OrganizationDomain,
    domain_refused,
)
from auth_core.organizations.errors import DomainNotFound, DomainNotProven, LimitReached
from auth_core.organizations.events import (
    OrganizationDomainClaimed,
    OrganizationDomainRemoved,
    OrganizationDomainVerified,
)
from auth_core.organizations.policy import OrganizationPolicy
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.trail import OrganizationTrail


class DomainService:
    """Each change is one commit with its event and its audit record (SEC-66).

    Whoever proves a domain lets people in, so he must be allowed to give them their role, too
    (SEC-57). All raise OrganizationNotFound, PermissionDenied, Unavailable.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationsUnitOfWork],
        book: RoleBook,
        names: DomainNames | None,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        *,
        policy: OrganizationPolicy,
    ) -> None:
        """Without ``names`` nothing is claimed or proven."""
        self._unit_of_work = unit_of_work
        self._acting = Acting(book)
        self._trail = OrganizationTrail(clock, ids)
        self._names = names
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self._policy = policy

    async def all(self, organization_id: OrganizationId) -> Sequence[OrganizationDomain]:
        """Every claim of an organization, in order of id."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await uow.domains.all(organization_id)

    async def claim(
        self, actor_id: UserId | None, organization_id: OrganizationId, domain: EmailDomain
    ) -> OrganizationDomain:
        """Say that a domain is one's own; the claim has what the DNS must show to prove it.

        Several organizations may say so. Raises InvalidInput (it is nobody's own), DomainTaken
        (claimed by this organization already), LimitReached.
        """
        if await self._asked().is_public(domain.value):
            raise domain_refused("public", "anybody can have an address there")
        claim = OrganizationDomain(
            id=DomainId(self._ids.uuid()),
            organization_id=organization_id,
            domain=domain.value,
            challenge=new_token(self._entropy).reveal(),
            created_at=self._clock.now(),
        )
        async with self._unit_of_work().for_organization(organization_id) as uow:
            await self._hold(uow, actor_id, organization_id)
            if len(await uow.domains.all(organization_id)) >= self._policy.max_domains:
                raise LimitReached(limit=self._policy.max_domains)
            await uow.domains.add(claim)
            about = self._trail.about(organization_id, actor_id)
            event = OrganizationDomainClaimed(**about, domain_id=claim.id)
            await self._record(uow, AuditAction.DOMAIN_CLAIMED, event, claim, actor_id)
            await uow.commit()
        return claim

    async def verify(
        self, actor_id: UserId | None, organization_id: OrganizationId, domain_id: DomainId
    ) -> OrganizationDomain:
        """Look for the challenge in the DNS. No transaction is open meanwhile.

        Raises DomainNotFound, DomainNotProven, DomainTaken (another organization was faster).
        """
        names = self._asked()
        async with self._unit_of_work().for_organization(organization_id) as uow:
            await self._hold(uow, actor_id, organization_id)
            claim = await uow.domains.get(organization_id, domain_id)
        if claim is None:
            raise DomainNotFound
        if claim.verified_at is not None:
            return claim
        await _require_shown(names, claim)
        async with self._unit_of_work().for_organization(organization_id) as uow:
            await self._hold(uow, actor_id, organization_id)
            verified = await uow.domains.verify(organization_id, domain_id, self._clock.now())
            if verified is None:
                raise DomainNotFound
            about = self._trail.about(organization_id, actor_id)
            event = OrganizationDomainVerified(**about, domain_id=domain_id)
            await self._record(uow, AuditAction.DOMAIN_VERIFIED, event, verified, actor_id)
            await uow.commit()
        return verified

    async def release(
        self, actor_id: UserId | None, organization_id: OrganizationId, domain_id: DomainId
    ) -> None:
        """Give a domain up, so that another organization can prove it. Nobody leaves by that.

        Raises DomainNotFound.
        """
        async with self._unit_of_work().for_organization(organization_id) as uow:
            await self._hold(uow, actor_id, organization_id)
            claim = await uow.domains.get(organization_id, domain_id)
            if claim is None or not await uow.domains.remove(organization_id, domain_id):
                raise DomainNotFound
            about = self._trail.about(organization_id, actor_id)
            event = OrganizationDomainRemoved(**about, domain_id=domain_id)
            await self._record(uow, AuditAction.DOMAIN_REMOVED, event, claim, actor_id)
            await uow.commit()

    def _asked(self) -> DomainNames:
        if self._names is None:
            raise PermissionDenied("Domains cannot be claimed here.")
        return self._names

    async def _hold(
        self,
        uow: OrganizationsUnitOfWork,
        actor_id: UserId | None,
        organization_id: OrganizationId,
    ) -> Held:
        held = await self._acting.hold(uow, organization_id, actor_id)
        held.require(Permission.ORGANIZATION_WRITE)
        role = held.organization.settings.domain_role
        await self._acting.require_may_assign(uow, held, role)
        return held

    async def _record(
        self,
        uow: OrganizationsUnitOfWork,
        action: AuditAction,
        event: DomainEvent,
        claim: OrganizationDomain,
        actor_id: UserId | None,
    ) -> None:
        await self._trail.record(
            uow,
            action,
            event,
            organization_id=claim.organization_id,
            actor_id=actor_id,
            target=f"domain:{claim.id}",
            detail=claim.domain,
        )


async def _require_shown(names: DomainNames, claim: OrganizationDomain) -> None:
    try:
        shown = await names.texts(claim.record_name)
    except LookupFailed:
        raise DomainNotProven("The DNS gave no answer. Try again in a while.") from None
    if claim.record_value not in shown:
        raise DomainNotProven
