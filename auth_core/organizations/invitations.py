"""Inviting people by mail, and joining (SEC-59)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from auth_core.access import RoleBook
from auth_core.audit import AuditAction
from auth_core.credentials import new_token
from auth_core.kernel import (
    Clock,
    Email,
    Entropy,
    FieldProblem,
    Ids,
    InvalidInput,
    InvalidLink,
    Letter,
    LetterId,
    MailTemplate,
    OrganizationId,
    UserId,
    has_mailbox,
)
from auth_core.organizations.acting import Acting
from auth_core.organizations.errors import (
    AlreadyMember,
    EmailNotVerified,
    InvitationNotFound,
)
from auth_core.organizations.events import (
    InvitationAccepted,
    InvitationCreated,
    InvitationRevoked,
)
from auth_core.organizations.invitation import Invitation, InvitationId, InvitationToken
from auth_core.organizations.members import MemberService
from auth_core.organizations.model import Membership, Organization
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.trail import OrganizationTrail
from auth_core.users import User, UserCache

KEPT = timedelta(days=30)
"""How long an invitation that nobody can accept any more is still kept."""
_BATCH = 500


class InvitationService:
    """Each change is one commit with its events, its audit record and its letter.

    All raise OrganizationNotFound, PermissionDenied, Unavailable.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationsUnitOfWork],
        book: RoleBook,
        members: MemberService,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._acting = Acting(book)
        self._trail = OrganizationTrail(clock, ids)
        self._members = members
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._entropy = entropy

    async def invite(
        self, actor_id: UserId | None, organization_id: OrganizationId, email: Email, role: str
    ) -> Invitation:
        """Mail an invitation; an earlier one for the same address is void.

        Nobody invites to a role that he does not hold (SEC-57). Raises InvalidInput (no such role,
        no mailbox), AlreadyMember.
        """
        if not has_mailbox(email):
            message = "an e-mail address is needed here"
            raise InvalidInput(FieldProblem(field="email", type="missing", message=message))
        token = InvitationToken(organization_id, new_token(self._entropy))
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id)
            await self._acting.require_may_assign(uow, held, role)
            invited = await uow.users.find(email)
            if invited and await uow.memberships.get(organization_id, invited.id):
                raise AlreadyMember
            invitation = self._invitation(held.organization, email, role, token, actor_id)
            await uow.invitations.issue(invitation)
            about = self._trail.about(organization_id, actor_id)
            await self._trail.record(
                uow,
                AuditAction.INVITATION_CREATED,
                InvitationCreated(**about, invitation_id=invitation.id, role=role),
                organization_id=organization_id,
                actor_id=actor_id,
                target=f"invitation:{invitation.id}",
                detail=role,
            )
            await self._write(uow, held.organization, email, token, invited)
            await uow.commit()
        return invitation

    async def page(
        self,
        organization_id: OrganizationId,
        *,
        after: InvitationId | None = None,
        limit: int = 100,
    ) -> list[Invitation]:
        """Up to ``limit`` invitations that can still be accepted, in order of id."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            now = self._clock.now()
            return await uow.invitations.page(organization_id, now, after=after, limit=limit)

    async def revoke(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        invitation_id: InvitationId,
    ) -> None:
        """Make an invitation void. Raises InvitationNotFound when it is not live."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id)
            await self._acting.require_may_assign(uow, held, None)
            revoked = await uow.invitations.revoke(
                organization_id, invitation_id, self._clock.now()
            )
            if revoked is None:
                raise InvitationNotFound
            about = self._trail.about(organization_id, actor_id)
            await self._trail.record(
                uow,
                AuditAction.INVITATION_REVOKED,
                InvitationRevoked(**about, invitation_id=invitation_id),
                organization_id=organization_id,
                actor_id=actor_id,
                target=f"invitation:{invitation_id}",
            )
            await uow.commit()

    async def accept(self, user_id: UserId, text: str) -> Membership:
        """Join by an invitation, as the person whose proven address it is for.

        For any other identity it is as if there were none. Raises InvalidLink, EmailNotVerified,
        AlreadyMember, LimitReached: the invitation is not used up then.
        """
        token = InvitationToken.parse(text)

        async def work() -> Membership:
            async with self._unit_of_work().for_organization(token.organization_id) as uow:
                uow.for_user(user_id)
                user = await uow.users.get(user_id)
                if user is None or not user.is_active:
                    raise InvalidLink
                if not user.email_verified:
                    raise EmailNotVerified
                membership = await self.accept_within(uow, user, token)
                await uow.commit()
            await self._cache.forget_user(user_id)
            return membership

        return await asyncio.shield(work())

    async def find_within(
        self, uow: OrganizationsUnitOfWork, token: InvitationToken
    ) -> tuple[Organization, Invitation]:
        """A live invitation, untouched, and what it is to. Raises InvalidLink."""
        organization = await uow.organizations.get(token.organization_id)
        if organization is None or not organization.is_active:
            raise InvalidLink
        found = await uow.invitations.find(organization.id, token.digest, self._clock.now())
        if found is None:
            raise InvalidLink
        return organization, found

    async def accept_within(
        self, uow: OrganizationsUnitOfWork, user: User, token: InvitationToken
    ) -> Membership:
        """The same in the transaction of a caller, for somebody whose address is proven."""
        organization = await uow.organizations.hold(token.organization_id)
        if organization is None or not organization.is_active:
            raise InvalidLink
        accepted = await uow.invitations.accept(
            organization.id, token.digest, user.email, user.id, self._clock.now()
        )
        if accepted is None or not await self._acting.role_exists(
            uow, organization.id, accepted.role
        ):
            raise InvalidLink
        if await uow.memberships.get(organization.id, user.id) is not None:
            raise AlreadyMember
        about = self._trail.about(organization.id, user.id, user.id)
        await self._trail.record(
            uow,
            AuditAction.INVITATION_ACCEPTED,
            InvitationAccepted(**about, invitation_id=accepted.id),
            organization_id=organization.id,
            actor_id=user.id,
            user_id=user.id,
            target=f"invitation:{accepted.id}",
        )
        return await self._members.add_within(
            uow, organization, user.id, accepted.role, actor_id=user.id, reason="invited"
        )

    async def sweep(self) -> int:
        """Remove the invitations that ended `KEPT` ago and more, of all tenants; how many."""
        removed, before = 0, self._clock.now() - KEPT
        while True:
            async with self._unit_of_work().for_platform() as uow:
                swept = await uow.invitations.sweep(before, _BATCH)
                await uow.commit()
            removed += swept
            if swept < _BATCH:
                return removed

    def _invitation(
        self,
        organization: Organization,
        email: Email,
        role: str,
        token: InvitationToken,
        actor_id: UserId | None,
    ) -> Invitation:
        now = self._clock.now()
        return Invitation(
            id=InvitationId(self._ids.uuid()),
            organization_id=organization.id,
            email=email,
            role=role,
            digest=token.digest,
            created_at=now,
            expires_at=now + timedelta(days=organization.settings.invitation_days),
            invited_by=actor_id,
        )

    async def _write(
        self,
        uow: OrganizationsUnitOfWork,
        organization: Organization,
        email: Email,
        token: InvitationToken,
        invited: User | None,
    ) -> None:
        letter = Letter(
            id=LetterId(self._ids.uuid()),
            to=email,
            template=MailTemplate.ORGANIZATION_INVITATION,
            values={
                "organization": organization.name,
                "code": token.reveal(),
                "days": str(organization.settings.invitation_days),
            },
            locale=None if invited is None else invited.locale,
        )
        await uow.mail.enqueue(letter)
