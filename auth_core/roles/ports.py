"""What roles need from storage. Every method is of one organization, or says why not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from auth_core.access import Grants
from auth_core.audit import AuditUnitOfWork
from auth_core.kernel import EventId, OrganizationId, RoleId, UserId
from auth_core.organizations import OrganizationsUnitOfWork, RoleLookup
from auth_core.roles.model import CustomRole
from auth_core.users import UsersUnitOfWork


class RoleRepository(RoleLookup, Protocol):
    """Roles that organizations made; their names are unique in each.

    Whoever changes one holds its organization first (`OrganizationRepository.hold`), as does
    whoever gives somebody a role: so nobody gets a role that goes or changes at the same time.
    """

    async def add(self, role: CustomRole) -> None:
        """Store a new one. Raises RoleNameTaken no later than with the commit, also when racing."""
        ...

    async def get(self, organization_id: OrganizationId, role_id: RoleId) -> CustomRole | None:
        """The role, or None."""
        ...

    async def find(self, organization_id: OrganizationId, name: str) -> CustomRole | None:
        """The role of this name, or None."""
        ...

    async def page(
        self, organization_id: OrganizationId, *, after: RoleId | None = None, limit: int = 100
    ) -> list[CustomRole]:
        """Up to ``limit`` roles in order of id, after ``after``."""
        ...

    async def count(self, organization_id: OrganizationId) -> int:
        """How many there are."""
        ...

    async def update(self, role: CustomRole) -> None:
        """Store all but the name, if the stored version is the one before.

        Raises ConcurrentUpdate, and writes nothing, when it is another one.
        """
        ...

    async def remove(self, organization_id: OrganizationId, role_id: RoleId) -> bool:
        """Remove it; False when there is none."""
        ...

    async def holders(self, organization_id: OrganizationId, name: str) -> list[UserId]:
        """Every member who has the role of this name, in the organization or in a team of it.

        Each once, in order of id.
        """
        ...

    async def is_awaited(self, organization_id: OrganizationId, name: str, now: datetime) -> bool:
        """Whether an invitation that can be accepted at ``now`` gives this role."""
        ...


class GrantsChange(msgspec.Struct, frozen=True):
    """An event after which what ``user_id`` may do is read anew."""

    event_id: EventId
    user_id: UserId


class GrantsReader(Protocol):
    """What people were granted, over all tenants: whoever asks about a person asks for all."""

    async def of(self, user_id: UserId) -> Grants:
        """The roles of a person in organizations and teams, in order of organization and team."""
        ...

    async def changed_since(self, since: datetime) -> Sequence[GrantsChange]:
        """Whose grants may have changed at or after ``since``, as the outbox has it.

        Of events about a person that person, of events about an organization or one of its roles
        all of its members.
        """
        ...


class GrantsUnitOfWork(UsersUnitOfWork, Protocol):
    """A transaction over users and what they were granted."""

    @property
    def grants(self) -> GrantsReader:
        """What people were granted, as this transaction sees it."""
        ...


class RolesUnitOfWork(OrganizationsUnitOfWork, GrantsUnitOfWork, AuditUnitOfWork, Protocol):
    """A transaction over the roles of organizations that leaves a trail."""

    @property
    def roles(self) -> RoleRepository:
        """The roles, as this transaction sees them."""
        ...
