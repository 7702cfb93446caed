"""Roles of organizations, and what people were granted, in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from auth_core.access import Grants, OrganizationGrant, TeamGrant
from auth_core.kernel import ConcurrentUpdate, OrganizationId, RoleId, UserId
from auth_core.organizations import Membership, OrganizationNotFound
from auth_core.roles import (
    CustomRole,
    GrantsChange,
    GrantsReader,
    RoleNameTaken,
    RoleRepository,
)
from auth_core.testing.store import Transaction

_ABOUT_GRANTS = ("membership", "organization", "role", "team")


class InMemoryRoleRepository:
    """Roles of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, role: CustomRole) -> None:
        """Hold the name, then see whether it is free."""
        await self._transaction.statement("roles.add")
        await self._transaction.lock(("role name", role.organization_id, role.name))
        if self._transaction.organizations.get(role.organization_id) is None:
            self._transaction.violated(OrganizationNotFound())
        if self._find(role.organization_id, role.name) is not None:
            self._transaction.violated(RoleNameTaken())
        self._transaction.roles.put(role.id, role)

    async def get(self, organization_id: OrganizationId, role_id: RoleId) -> CustomRole | None:
        """The role, or None."""
        await self._transaction.statement("roles.get")
        return self._get(organization_id, role_id)

    async def find(self, organization_id: OrganizationId, name: str) -> CustomRole | None:
        """The role of this name, or None."""
        await self._transaction.statement("roles.find")
        return self._find(organization_id, name)

    async def page(
        self, organization_id: OrganizationId, *, after: RoleId | None = None, limit: int = 100
    ) -> list[CustomRole]:
        """Roles in order of id."""
        await self._transaction.statement("roles.page")
        found = [each for each in self._all(organization_id) if after is None or each.id > after]
        return sorted(found, key=lambda each: each.id)[:limit]

    async def count(self, organization_id: OrganizationId) -> int:
        """All of an organization."""
        await self._transaction.statement("roles.count")
        return len(self._all(organization_id))

    async def update(self, role: CustomRole) -> None:
        """Replace it if the stored version is the one before."""
        await self._transaction.statement("roles.update")
        await self._transaction.lock(("role", role.id))
        stored = self._get(role.organization_id, role.id)
        if stored is None or stored.version != role.version - 1:
            raise ConcurrentUpdate
        self._transaction.roles.put(role.id, role)

    async def remove(self, organization_id: OrganizationId, role_id: RoleId) -> bool:
        """Drop it."""
        await self._transaction.statement("roles.remove")
        await self._transaction.lock(("role", role_id))
        if self._get(organization_id, role_id) is None:
            return False
        self._transaction.roles.drop(role_id)
        return True

    async def holders(self, organization_id: OrganizationId, name: str) -> list[UserId]:
        """The members with this role, there or in a team, in order of id."""
        await self._transaction.statement("roles.holders")
        found = self._transaction.memberships.where(
            lambda each: each.organization_id == organization_id and each.role == name
        )
        in_teams = self._transaction.team_memberships.where(
            lambda each: each.organization_id == organization_id and each.role == name
        )
        return sorted({each.user_id for each in found} | {each.user_id for each in in_teams})

    async def permitted(
        self, organization_id: OrganizationId, names: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        """By name, of those that there are."""
        await self._transaction.statement("roles.permitted")
        return {
            each.name: each.permissions for each in self._all(organization_id) if each.name in names
        }

    async def is_awaited(self, organization_id: OrganizationId, name: str, now: datetime) -> bool:
        """Whether there is a live invitation."""
        await self._transaction.statement("roles.is_awaited")
        return bool(
            self._transaction.invitations.where(
                lambda each: (
                    each.organization_id == organization_id
                    and each.role == name
                    and each.is_live(now)
                )
            )
        )

    def _all(self, organization_id: OrganizationId) -> list[CustomRole]:
        return self._transaction.roles.where(lambda each: each.organization_id == organization_id)

    def _get(self, organization_id: OrganizationId, role_id: RoleId) -> CustomRole | None:
        role = self._transaction.roles.get(role_id)
        return role if role is not None and role.organization_id == organization_id else None

    def _find(self, organization_id: OrganizationId, name: str) -> CustomRole | None:
        return next((each for each in self._all(organization_id) if each.name == name), None)


class InMemoryGrantsReader:
    """Grants as one transaction sees them; their changes as they are committed."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def of(self, user_id: UserId) -> Grants:
        """From memberships, roles and teams."""
        await self._transaction.statement("grants.of")
        return grants_of(self._transaction, user_id)

    async def changed_since(self, since: datetime) -> Sequence[GrantsChange]:
        """From the events that are stored."""
        await self._transaction.statement("grants.changed_since")
        changes = []
        for event in self._transaction.stored_events():
            if event.occurred_at < since or event.type.partition(".")[0] not in _ABOUT_GRANTS:
                continue
            if event.user_id is not None:
                changes.append(GrantsChange(event.id, event.user_id))
                continue
            here = event.organization_id
            members = self._transaction.memberships.where(
                lambda each, here=here: each.organization_id == here  # type: ignore[misc]
            )
            changes += [GrantsChange(event.id, member.user_id) for member in members]
        return changes


def grants_of(transaction: Transaction, user_id: UserId) -> Grants:
    """All that a person was granted, in order of organization and team."""
    memberships = transaction.memberships.where(lambda each: each.user_id == user_id)
    memberships.sort(key=lambda each: each.organization_id)
    return tuple(_grant(transaction, membership) for membership in memberships)


def _grant(transaction: Transaction, membership: Membership) -> OrganizationGrant:
    here = membership.organization_id
    organization = transaction.organizations.get(here)
    made = transaction.roles.where(lambda each: each.organization_id == here)
    permits = {each.name: each.permissions for each in made}
    teams = transaction.team_memberships.where(
        lambda each: each.organization_id == here and each.user_id == membership.user_id
    )
    teams.sort(key=lambda each: each.team_id)
    return OrganizationGrant(
        organization_id=here,
        name="" if organization is None else organization.name,
        role=membership.role,
        permissions=permits.get(membership.role),
        teams=tuple(TeamGrant(each.team_id, each.role, permits.get(each.role)) for each in teams),
        active=organization is not None and organization.is_active,
    )


if TYPE_CHECKING:
    _roles: type[RoleRepository] = InMemoryRoleRepository
    _grants: type[GrantsReader] = InMemoryGrantsReader
