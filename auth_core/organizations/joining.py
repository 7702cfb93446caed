"""Who proves an address of a verified domain becomes a member, in the commit of the proof."""

from auth_core.audit import AuditAction
from auth_core.kernel import Clock, Email, Ids, OrganizationId
from auth_core.organizations.errors import LimitReached
from auth_core.organizations.members import MemberService
from auth_core.organizations.model import Membership, Organization
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.trail import OrganizationTrail
from auth_core.users import User


class DomainMembership:
    """Lets them in. Subdomains of a verified domain are other domains.

    `hold` comes before anything is written, `join` once the account is there: who takes several
    takes the organization first.
    """

    def __init__(self, members: MemberService, clock: Clock, ids: Ids) -> None:
        self._members = members
        self._trail = OrganizationTrail(clock, ids)

    async def hold(
        self,
        uow: OrganizationsUnitOfWork,
        email: Email,
        *,
        beside: OrganizationId | None = None,
    ) -> Organization | None:
        """The organization that has proven the domain of ``email``, held; None if none has.

        ``beside`` is another one to hold: in order of id, so that nobody waits crosswise. The work
        of ``uow`` is for one of them from then on.
        """
        claim = await uow.domains.owner(email.domain)
        owner = None if claim is None else claim.organization_id
        held = {
            each: await uow.for_organization(each).organizations.hold(each)
            for each in sorted({each for each in (owner, beside) if each is not None})
        }
        organization = None if owner is None else held[owner]
        if organization is None or not organization.is_active:
            return None
        claim = await uow.domains.owner(email.domain)  # it may have been released meanwhile
        return organization if claim is not None and claim.organization_id == owner else None

    async def join(
        self, uow: OrganizationsUnitOfWork, organization: Organization | None, user: User
    ) -> Membership | None:
        """Make ``user`` a member of what `hold` returned; the caller commits.

        None when there is nothing to do. A full organization fails nobody's proof: its trail says
        that somebody did not get in.
        """
        if organization is None:
            return None
        uow.for_organization(organization.id)
        if await uow.memberships.get(organization.id, user.id) is not None:
            return None
        role = organization.settings.domain_role
        try:
            return await self._members.add_within(
                uow, organization, user.id, role, actor_id=user.id, reason="domain"
            )
        except LimitReached:
            await self._trail.record(
                uow,
                AuditAction.MEMBERSHIP_REFUSED,
                organization_id=organization.id,
                actor_id=user.id,
                user_id=user.id,
                reason="limit_reached",
            )
            return None
