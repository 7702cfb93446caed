"""Teams and invitations in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import ConcurrentUpdate, Email, OrganizationId, TeamId, UserId
from auth_core.organizations import (
    Invitation,
    InvitationId,
    InvitationRepository,
    MemberNotFound,
    OrganizationNotFound,
    Team,
    TeamMember,
    TeamMembership,
    TeamNameTaken,
    TeamNotFound,
    TeamRepository,
)
from auth_core.testing.store import Transaction

Matches = Callable[[Invitation], bool]


class InMemoryTeamRepository:
    """Teams of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, team: Team) -> None:
        """Hold the name, then see whether it is free."""
        await self._transaction.statement("teams.add")
        if self._transaction.organizations.get(team.organization_id) is None:
            self._transaction.violated(OrganizationNotFound())
        await self._take_name(team)
        self._transaction.teams.put(team.id, team)

    async def organization_of(self, team_id: TeamId) -> OrganizationId | None:
        """Whose it is."""
        await self._transaction.statement("teams.organization_of")
        team = self._transaction.teams.get(team_id)
        return None if team is None else team.organization_id

    async def get(self, organization_id: OrganizationId, team_id: TeamId) -> Team | None:
        """The team, or None."""
        await self._transaction.statement("teams.get")
        return self._get(organization_id, team_id)

    async def page(
        self, organization_id: OrganizationId, *, after: TeamId | None = None, limit: int = 100
    ) -> list[Team]:
        """Teams in order of id."""
        await self._transaction.statement("teams.page")
        found = self._transaction.teams.where(
            lambda team: (
                team.organization_id == organization_id and (after is None or team.id > after)
            )
        )
        return sorted(found, key=lambda team: team.id)[:limit]

    async def count(self, organization_id: OrganizationId) -> int:
        """All of an organization."""
        await self._transaction.statement("teams.count")
        return len(
            self._transaction.teams.where(lambda team: team.organization_id == organization_id)
        )

    async def update(self, team: Team) -> None:
        """Replace it if the stored version is the one before."""
        await self._transaction.statement("teams.update")
        await self._transaction.lock(("team", team.id))
        stored = self._get(team.organization_id, team.id)
        if stored is None or stored.version != team.version - 1:
            raise ConcurrentUpdate
        await self._take_name(team)
        self._transaction.teams.put(team.id, team)

    async def remove(self, organization_id: OrganizationId, team_id: TeamId) -> bool:
        """Drop it with its memberships."""
        await self._transaction.statement("teams.remove")
        await self._transaction.lock(("team", team_id))
        if self._get(organization_id, team_id) is None:
            return False
        self._transaction.teams.drop(team_id)
        self._transaction.team_memberships.drop_where(lambda key, _: key[1] == team_id)
        return True

    async def put_member(self, membership: TeamMembership) -> TeamMembership | None:
        """Add or replace it, if both are the organization's."""
        rows = self._transaction
        await rows.statement("teams.put_member")
        organization_id, user_id = membership.organization_id, membership.user_id
        key = (organization_id, membership.team_id, user_id)
        await rows.lock(("team membership", *key))
        if self._get(organization_id, membership.team_id) is None:
            rows.violated(TeamNotFound())
        if rows.memberships.get((organization_id, user_id)) is None:
            rows.violated(MemberNotFound())
        before = rows.team_memberships.get(key)
        since = membership.created_at if before is None else before.created_at
        rows.team_memberships.put(key, msgspec.structs.replace(membership, created_at=since))
        return before

    async def members(
        self,
        organization_id: OrganizationId,
        team_id: TeamId,
        *,
        after: UserId | None = None,
        limit: int = 100,
    ) -> list[TeamMember]:
        """Members in order of user id."""
        await self._transaction.statement("teams.members")
        found = self._transaction.team_memberships.where(
            lambda each: (
                (each.organization_id, each.team_id) == (organization_id, team_id)
                and (after is None or each.user_id > after)
            )
        )
        found.sort(key=lambda each: each.user_id)
        users = self._transaction.users
        return [
            TeamMember(
                membership=each,
                username=users[each.user_id].username.value,
                display_name=users[each.user_id].display_name,
            )
            for each in found[:limit]
        ]

    async def remove_member(
        self, organization_id: OrganizationId, team_id: TeamId, user_id: UserId
    ) -> TeamMembership | None:
        """Drop it, if it is there."""
        await self._transaction.statement("teams.remove_member")
        key = (organization_id, team_id, user_id)
        await self._transaction.lock(("team membership", *key))
        before = self._transaction.team_memberships.get(key)
        self._transaction.team_memberships.drop(key)
        return before

    async def memberships_of(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> list[TeamMembership]:
        """In order of team id."""
        await self._transaction.statement("teams.memberships_of")
        found = self._transaction.team_memberships.where(
            lambda each: (each.organization_id, each.user_id) == (organization_id, user_id)
        )
        return sorted(found, key=lambda each: each.team_id)

    def _get(self, organization_id: OrganizationId, team_id: TeamId) -> Team | None:
        team = self._transaction.teams.get(team_id)
        return team if team is not None and team.organization_id == organization_id else None

    async def _take_name(self, team: Team) -> None:
        await self._transaction.lock(("team name", team.organization_id, team.name))
        same = self._transaction.teams.where(
            lambda each: (each.organization_id, each.name) == (team.organization_id, team.name)
        )
        if any(each.id != team.id for each in same):
            self._transaction.violated(TeamNameTaken())


class InMemoryInvitationRepository:
    """Invitations of one transaction, one for each organization and address."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def issue(self, invitation: Invitation) -> None:
        """Take the place of the one before."""
        await self._transaction.statement("invitations.issue")
        if self._transaction.organizations.get(invitation.organization_id) is None:
            self._transaction.violated(OrganizationNotFound())
        await self._transaction.lock(self._place(invitation))
        self._put(invitation)

    async def get(
        self, organization_id: OrganizationId, invitation_id: InvitationId
    ) -> Invitation | None:
        """The invitation, or None."""
        await self._transaction.statement("invitations.get")
        found = self._of(organization_id, lambda each: each.id == invitation_id)
        return found[0] if found else None

    async def page(
        self,
        organization_id: OrganizationId,
        now: datetime,
        *,
        after: InvitationId | None = None,
        limit: int = 100,
    ) -> list[Invitation]:
        """The live ones, in order of id."""
        await self._transaction.statement("invitations.page")
        found = self._of(
            organization_id,
            lambda each: each.is_live(now) and (after is None or each.id > after),
        )
        return sorted(found, key=lambda each: each.id)[:limit]

    async def find(
        self, organization_id: OrganizationId, digest: bytes, now: datetime
    ) -> Invitation | None:
        """The live one, or None."""
        await self._transaction.statement("invitations.find")
        return self._live(organization_id, lambda each: each.digest == digest, now)

    async def accept(
        self,
        organization_id: OrganizationId,
        digest: bytes,
        email: Email,
        user_id: UserId,
        at: datetime,
    ) -> Invitation | None:
        """Use it up if it is still live once nobody else holds it."""
        await self._transaction.statement("invitations.accept")
        found = await self._held(
            organization_id, lambda each: (each.digest, each.email) == (digest, email), at
        )
        if found is None:
            return None
        return self._put(msgspec.structs.replace(found, accepted_at=at, accepted_by=user_id))

    async def revoke(
        self, organization_id: OrganizationId, invitation_id: InvitationId, at: datetime
    ) -> Invitation | None:
        """Void it if it is still live once nobody else holds it."""
        await self._transaction.statement("invitations.revoke")
        found = await self._held(organization_id, lambda each: each.id == invitation_id, at)
        return None if found is None else self._put(msgspec.structs.replace(found, revoked_at=at))

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove the expired ones that nobody holds."""
        await self._transaction.statement("invitations.sweep")
        over = [
            each
            for each in self._transaction.invitations.where(lambda each: each.expires_at < before)
            if self._transaction.is_free(self._place(each))
        ][:limit]
        for each in over:
            await self._transaction.lock(self._place(each))
            self._transaction.invitations.drop((each.organization_id, each.email))
        return len(over)

    async def _held(
        self, organization_id: OrganizationId, matches: Matches, now: datetime
    ) -> Invitation | None:
        seen = self._live(organization_id, matches, now)
        if seen is None:
            return None
        await self._transaction.lock(self._place(seen))
        return self._live(organization_id, matches, now)

    def _live(
        self, organization_id: OrganizationId, matches: Matches, now: datetime
    ) -> Invitation | None:
        found = self._of(organization_id, lambda each: each.is_live(now) and matches(each))
        return found[0] if found else None

    def _of(self, organization_id: OrganizationId, matches: Matches) -> list[Invitation]:
        return self._transaction.invitations.where(
            lambda each: each.organization_id == organization_id and matches(each)
        )

    def _put(self, invitation: Invitation) -> Invitation:
        key = (invitation.organization_id, invitation.email)
        return self._transaction.invitations.put(key, invitation)

    def _place(self, invitation: Invitation) -> tuple[str, OrganizationId, Email]:
        return ("invitation", invitation.organization_id, invitation.email)


if TYPE_CHECKING:
    _teams: type[TeamRepository] = InMemoryTeamRepository
    _invitations: type[InvitationRepository] = InMemoryInvitationRepository
