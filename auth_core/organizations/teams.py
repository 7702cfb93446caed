"""Teams of an organization, and who is in them."""

import asyncio
from collections.abc import Callable

from auth_core.access import Permission, RoleBook
from auth_core.audit import AuditAction
from auth_core.kernel import (
    Clock,
    Ids,
    OrganizationId,
    PreconditionFailed,
    TeamId,
    UserId,
)
from auth_core.organizations.acting import Acting
from auth_core.organizations.errors import LimitReached, MemberNotFound, TeamNotFound
from auth_core.organizations.events import (
    TeamCreated,
    TeamDeleted,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamRoleChanged,
    TeamUpdated,
)
from auth_core.organizations.policy import OrganizationPolicy
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.team import Team, TeamMember, TeamMembership
from auth_core.organizations.trail import OrganizationTrail
from auth_core.users import UserCache


class TeamService:
    """Each change is one commit with its events and its audit record (SEC-66).

    All raise TeamNotFound or OrganizationNotFound, PermissionDenied, Unavailable.
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
        self._ids = ids
        self._policy = policy

    async def organization_of(self, team_id: TeamId) -> OrganizationId:
        """Whose team it is; the caller may see it already."""
        async with self._unit_of_work().for_platform() as uow:
            organization_id = await uow.teams.organization_of(team_id)
        if organization_id is None:
            raise TeamNotFound
        return organization_id

    async def page(
        self, organization_id: OrganizationId, *, after: TeamId | None = None, limit: int = 100
    ) -> list[Team]:
        """Up to ``limit`` teams in order of their making, after ``after``."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await uow.teams.page(organization_id, after=after, limit=limit)

    async def get(self, organization_id: OrganizationId, team_id: TeamId) -> Team:
        """One team."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await _existing(uow, organization_id, team_id)

    async def create(
        self, actor_id: UserId | None, organization_id: OrganizationId, name: str
    ) -> Team:
        """Make a team; the name is checked already. Raises TeamNameTaken, LimitReached."""
        now = self._clock.now()
        team = Team(
            id=TeamId(self._ids.uuid()),
            organization_id=organization_id,
            name=name,
            created_at=now,
            updated_at=now,
        )
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id)
            held.require(Permission.TEAMS_WRITE)
            limit = held.organization.max_teams or self._policy.max_teams
            if await uow.teams.count(organization_id) >= limit:
                raise LimitReached(limit=limit)
            await uow.teams.add(team)
            event = TeamCreated(**self._trail.about(organization_id, actor_id), team_id=team.id)
            await self._trail.record(
                uow,
                AuditAction.TEAM_CREATED,
                event,
                organization_id=organization_id,
                actor_id=actor_id,
                target=f"team:{team.id}",
            )
            await uow.commit()
        return team

    async def rename(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        team_id: TeamId,
        name: str,
        *,
        if_version: int | None = None,
    ) -> Team:
        """Give a team another name, checked already. Raises TeamNameTaken, PreconditionFailed."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id)
            held.require_in_team(Permission.TEAMS_WRITE, team_id)
            team = await _existing(uow, organization_id, team_id)
            if if_version not in {None, team.version}:
                raise PreconditionFailed
            if team.name == name:
                return team
            renamed = team.renamed(name, at=self._clock.now())
            await uow.teams.update(renamed)
            event = TeamUpdated(**self._trail.about(organization_id, actor_id), team_id=team_id)
            await self._trail.record(
                uow,
                AuditAction.TEAM_UPDATED,
                event,
                organization_id=organization_id,
                actor_id=actor_id,
                target=f"team:{team_id}",
            )
            await uow.commit()
        return renamed

    async def delete(
        self, actor_id: UserId | None, organization_id: OrganizationId, team_id: TeamId
    ) -> None:
        """Remove a team; its members stay in the organization."""

        async def work() -> None:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                held.require_in_team(Permission.TEAMS_DELETE, team_id)
                members = await self._all_members(uow, organization_id, team_id)
                if not await uow.teams.remove(organization_id, team_id):
                    raise TeamNotFound
                event = TeamDeleted(**self._trail.about(organization_id, actor_id), team_id=team_id)
                await self._trail.record(
                    uow,
                    AuditAction.TEAM_DELETED,
                    event,
                    organization_id=organization_id,
                    actor_id=actor_id,
                    target=f"team:{team_id}",
                )
                await uow.commit()
            await asyncio.gather(*(self._cache.forget_user(user_id) for user_id in members))

        await asyncio.shield(work())

    async def members(
        self,
        organization_id: OrganizationId,
        team_id: TeamId,
        *,
        after: UserId | None = None,
        limit: int = 100,
    ) -> list[TeamMember]:
        """Up to ``limit`` members of a team in order of user id, after ``after``."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            await _existing(uow, organization_id, team_id)
            return await uow.teams.members(organization_id, team_id, after=after, limit=limit)

    async def put_member(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        team_id: TeamId,
        user_id: UserId,
        role: str,
    ) -> TeamMembership:
        """Add a member of the organization to a team, or give one another role.

        Raises InvalidInput (no such role), MemberNotFound.
        """
        membership = TeamMembership(
            organization_id=organization_id,
            team_id=team_id,
            user_id=user_id,
            role=role,
            created_at=self._clock.now(),
        )

        async def work() -> None:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                await _existing(uow, organization_id, team_id)
                known = await uow.teams.memberships_of(organization_id, user_id)
                held_role = next((one.role for one in known if one.team_id == team_id), None)
                await self._acting.require_may_assign(
                    uow, held, role, instead_of=held_role, team_id=team_id
                )
                if held_role == role:
                    return
                before = await uow.teams.put_member(membership)
                await self._tell_of_member(uow, membership, before, actor_id)
                await uow.commit()
            await self._cache.forget_user(user_id)

        await asyncio.shield(work())
        return membership

    async def remove_member(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        team_id: TeamId,
        user_id: UserId,
    ) -> None:
        """Take somebody, or oneself, out of a team. Raises MemberNotFound."""

        async def work() -> None:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                held = await self._acting.hold(uow, organization_id, actor_id)
                before = await uow.teams.remove_member(organization_id, team_id, user_id)
                if before is None:
                    raise MemberNotFound
                if actor_id != user_id:
                    await self._acting.require_may_assign(
                        uow, held, None, instead_of=before.role, team_id=team_id
                    )
                about = self._trail.about(organization_id, actor_id, user_id)
                await self._trail.record(
                    uow,
                    AuditAction.TEAM_MEMBER_REMOVED,
                    TeamMemberRemoved(**about, team_id=team_id),
                    organization_id=organization_id,
                    actor_id=actor_id,
                    user_id=user_id,
                    target=f"team:{team_id}",
                )
                await uow.commit()
            await self._cache.forget_user(user_id)

        await asyncio.shield(work())

    async def _tell_of_member(
        self,
        uow: OrganizationsUnitOfWork,
        membership: TeamMembership,
        before: TeamMembership | None,
        actor_id: UserId | None,
    ) -> None:
        team_id, user_id, role = membership.team_id, membership.user_id, membership.role
        about = self._trail.about(membership.organization_id, actor_id, user_id)
        added = before is None
        await self._trail.record(
            uow,
            AuditAction.TEAM_MEMBER_ADDED if added else AuditAction.TEAM_ROLE_CHANGED,
            TeamMemberAdded(**about, team_id=team_id, role=role)
            if before is None
            else TeamRoleChanged(**about, team_id=team_id, role=role, previous_role=before.role),
            organization_id=membership.organization_id,
            actor_id=actor_id,
            user_id=user_id,
            target=f"team:{team_id}",
            detail=role,
        )

    async def _all_members(
        self, uow: OrganizationsUnitOfWork, organization_id: OrganizationId, team_id: TeamId
    ) -> list[UserId]:
        found: list[UserId] = []
        while True:
            after = found[-1] if found else None
            page = await uow.teams.members(organization_id, team_id, after=after)
            found.extend(member.membership.user_id for member in page)
            if not page:
                return found


async def _existing(
    uow: OrganizationsUnitOfWork, organization_id: OrganizationId, team_id: TeamId
) -> Team:
    team = await uow.teams.get(organization_id, team_id)
    if team is None:
        raise TeamNotFound
    return team
