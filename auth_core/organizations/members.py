"""Members of organizations: their roles, leaving, and handing an organization over."""

import asyncio
from collections.abc import Callable

from auth_core.access import RoleBook
from auth_core.audit import AuditAction
from auth_core.kernel import (
    Clock,
    Ids,
    LifecycleConflict,
    OrganizationId,
    PermissionDenied,
    UserId,
)
from auth_core.organizations.acting import Acting, Held
from auth_core.organizations.errors import LastOwner, LimitReached, MemberNotFound
from auth_core.organizations.events import (
    MembershipAdded,
    MembershipRemoved,
    MembershipRoleChanged,
)
from auth_core.organizations.model import ADMIN, OWNER, Member, Membership, Organization
from auth_core.organizations.policy import OrganizationPolicy
from auth_core.organizations.ports import MembershipsUnitOfWork, OrganizationsUnitOfWork
from auth_core.organizations.trail import OrganizationTrail
from auth_core.users import UserCache


class MemberService:
    """Each change is one commit with its events and its audit record (SEC-66).

    Nobody gives or takes what he does not hold, and only owners touch owners (SEC-57). The last
    owner cannot go, however (SEC-58): all raise LastOwner then, and OrganizationNotFound,
    MemberNotFound, PermissionDenied, Unavailable. Holds from the person's next request on.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationsUnitOfWork],
        book: RoleBook,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
        policy: OrganizationPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._acting = Acting(book)
        self._trail = OrganizationTrail(clock, ids)
        self._cache = cache
        self._clock = clock
        self._policy = policy

    async def page(
        self, organization_id: OrganizationId, *, after: UserId | None = None, limit: int = 100
    ) -> list[Member]:
        """Up to ``limit`` members in order of user id, after ``after``."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await uow.memberships.page(organization_id, after=after, limit=limit)

    async def add_within(
        self,
        uow: OrganizationsUnitOfWork,
        organization: Organization,
        user_id: UserId,
        role: str,
        *,
        actor_id: UserId | None,
        reason: str,
    ) -> Membership:
        """Make somebody a member in the transaction of a caller, who holds the organization,
        commits and then forgets what is cached of the person.

        Raises LimitReached, AlreadyMember, UserNotFound.
        """
        await self._require_room(uow, organization)
        now = self._clock.now()
        membership = Membership(
            organization_id=organization.id,
            user_id=user_id,
            role=role,
            created_at=now,
            updated_at=now,
        )
        if membership.is_owner:
            await self._require_active(uow, user_id)
        await uow.memberships.add(membership)
        added = MembershipAdded(**self._trail.about(organization.id, actor_id, user_id), role=role)
        await self._trail.record(
            uow,
            AuditAction.MEMBERSHIP_ADDED,
            added,
            organization_id=organization.id,
            actor_id=actor_id,
            user_id=user_id,
            reason=reason,
            detail=role,
        )
        return membership

    async def add(self, organization_id: OrganizationId, user_id: UserId, role: str) -> Membership:
        """Make somebody a member, as the operator; anybody else invites.

        Raises InvalidInput (no such role), LimitReached, AlreadyMember, UserNotFound.
        """

        async def work() -> Membership:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, None)
                await self._acting.require_may_assign(uow, held, role)
                added = await self.add_within(
                    uow, held.organization, user_id, role, actor_id=None, reason="by_operator"
                )
                await uow.commit()
            await self._cache.forget_user(user_id)
            return added

        return await asyncio.shield(work())

    async def change_role(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        user_id: UserId,
        role: str,
    ) -> Membership:
        """Give a member another role. Raises InvalidInput when there is no such role."""

        async def work() -> Membership:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                before = await _existing(uow, organization_id, user_id)
                await self._acting.require_may_assign(uow, held, role, instead_of=before.role)
                if before.role == role:
                    return before
                changed = await self._change(uow, held, before, role, actor_id)
                await uow.commit()
            await self._cache.forget_user(user_id)
            return changed

        return await asyncio.shield(work())

    async def transfer(
        self, actor_id: UserId, organization_id: OrganizationId, to: UserId
    ) -> Membership:
        """Make another member the owner in one's own place; one stays as an admin.

        Raises PermissionDenied for whoever is no owner.
        """

        async def work() -> Membership:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                mine, theirs = held.membership, await _existing(uow, organization_id, to)
                if mine is None or not mine.is_owner:
                    raise PermissionDenied
                if to == actor_id:
                    return theirs
                if not theirs.is_owner:
                    theirs = await self._change(uow, held, theirs, OWNER, actor_id)
                await self._change(uow, held, mine, ADMIN, actor_id)
                await uow.commit()
            for user_id in (actor_id, to):
                await self._cache.forget_user(user_id)
            return theirs

        return await asyncio.shield(work())

    async def remove(
        self, actor_id: UserId | None, organization_id: OrganizationId, user_id: UserId
    ) -> None:
        """End a membership, somebody's or one's own."""

        async def work() -> None:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                before = await _existing(uow, organization_id, user_id)
                leaves = actor_id == user_id
                if not leaves:
                    await self._acting.require_may_assign(uow, held, None, instead_of=before.role)
                await self._remove(uow, before, actor_id, leaves=leaves)
                await uow.commit()
            await self._cache.forget_user(user_id)

        await asyncio.shield(work())

    async def _remove(
        self,
        uow: OrganizationsUnitOfWork,
        membership: Membership,
        actor_id: UserId | None,
        *,
        leaves: bool,
    ) -> None:
        organization_id, user_id = membership.organization_id, membership.user_id
        if membership.is_owner:
            await _require_another_owner(uow, organization_id, user_id)
        await uow.memberships.remove(organization_id, user_id)
        about = self._trail.about(organization_id, actor_id, user_id)
        await self._trail.record(
            uow,
            AuditAction.MEMBERSHIP_LEFT if leaves else AuditAction.MEMBERSHIP_REMOVED,
            MembershipRemoved(**about),
            organization_id=organization_id,
            actor_id=actor_id,
            user_id=user_id,
            detail=membership.role,
        )

    async def _change(
        self,
        uow: OrganizationsUnitOfWork,
        held: Held,
        before: Membership,
        role: str,
        actor_id: UserId | None,
    ) -> Membership:
        organization_id, user_id = held.organization.id, before.user_id
        if role == OWNER:
            await self._require_active(uow, user_id)
        elif before.is_owner:
            await _require_another_owner(uow, organization_id, user_id)
        changed = await uow.memberships.change_role(
            organization_id, user_id, role, self._clock.now()
        )
        if changed is None:
            raise MemberNotFound
        about = self._trail.about(organization_id, actor_id, user_id)
        await self._trail.record(
            uow,
            AuditAction.MEMBERSHIP_ROLE_CHANGED,
            MembershipRoleChanged(**about, role=role, previous_role=before.role),
            organization_id=organization_id,
            actor_id=actor_id,
            user_id=user_id,
            detail=f"{before.role} -> {role}",
        )
        return changed

    async def _require_room(self, uow: OrganizationsUnitOfWork, organization: Organization) -> None:
        limit = organization.max_members or self._policy.max_members
        if await uow.memberships.count(organization.id) >= limit:
            raise LimitReached(limit=limit)

    async def _require_active(self, uow: OrganizationsUnitOfWork, user_id: UserId) -> None:
        """An owner must be able to act, and goes on being so until this transaction is over."""
        if not await uow.memberships.hold_account(user_id):
            raise LifecycleConflict("Only somebody whose account is active can be an owner.")


async def _existing(
    uow: OrganizationsUnitOfWork, organization_id: OrganizationId, user_id: UserId
) -> Membership:
    membership = await uow.memberships.get(organization_id, user_id)
    if membership is None:
        raise MemberNotFound
    return membership


async def _require_another_owner(
    uow: OrganizationsUnitOfWork, organization_id: OrganizationId, user_id: UserId
) -> None:
    if not await uow.memberships.has_owner_besides(organization_id, user_id):
        raise LastOwner


async def require_no_sole_owner(uow: MembershipsUnitOfWork, user_id: UserId) -> None:
    """That every organization has an owner left when this account goes.

    For a caller whose transaction has shut the account already: so of two owners who go at once
    one sees the other's going. Raises LastOwner (SEC-58).
    """
    if await uow.for_platform().memberships.hold_sole_ownership(user_id) is not None:
        raise LastOwner
