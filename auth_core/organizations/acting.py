"""Who asks, with the roles that they have while the organization is held."""

from collections.abc import Iterable, Mapping

import msgspec

from auth_core.access import (
    Grants,
    OrganizationGrant,
    Permission,
    Role,
    RoleBook,
    RoleScope,
    Subject,
    TeamGrant,
    decide,
    require_may_assign,
    require_may_assign_in_team,
    resource_of,
    subject_of,
)
from auth_core.access import Resource as AccessResource
from auth_core.kernel import (
    FieldProblem,
    InvalidInput,
    OrganizationId,
    PermissionDenied,
    TeamId,
    UserId,
)
from auth_core.organizations.errors import OrganizationNotFound
from auth_core.organizations.model import Membership, Organization
from auth_core.organizations.ports import OrganizationsUnitOfWork


class Held(msgspec.Struct, frozen=True):
    """An organization that is held, and who acts in it. ``subject`` None: the operator."""

    organization: Organization
    subject: Subject | None
    membership: Membership | None

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied."""
        self._decide(permission, None)

    def require_in_team(self, permission: Permission, team_id: TeamId) -> None:
        """The same for a team, whose own roles count, too."""
        self._decide(permission, team_id)

    def _decide(self, permission: Permission, team_id: TeamId | None) -> None:
        if self.subject is None:
            return
        resource = AccessResource(
            type=resource_of(permission), organization_id=self.organization.id, team_id=team_id
        )
        decide(self.subject, permission, resource).enforce()


class Acting:
    """Holds organizations for whoever wants to change something in them.

    What somebody may do is read anew then: nobody uses a role that they lost a moment ago.
    """

    def __init__(self, book: RoleBook) -> None:
        self._book = book

    async def hold(
        self,
        uow: OrganizationsUnitOfWork,
        organization_id: OrganizationId,
        actor_id: UserId | None,
        *,
        even_deleted: bool = False,
    ) -> Held:
        """Hold it until ``uow`` is over; ``actor_id`` None is the operator.

        With ``even_deleted`` also one that can be restored. Raises OrganizationNotFound, also for
        whoever is nobody there (SEC-55), and PermissionDenied (the account is not active).
        """
        organization = await uow.organizations.hold(organization_id)
        if organization is None or not (organization.is_active or even_deleted):
            raise OrganizationNotFound
        if actor_id is None:
            return Held(organization, None, None)
        user = await uow.users.get(actor_id)
        if user is None or not user.is_active:
            raise PermissionDenied
        membership = await uow.memberships.get(organization_id, actor_id)
        grants: Grants = ()
        if membership is not None:
            grants = (await self._grant(uow, membership),)
        subject = subject_of(self._book, actor_id, user.roles, grants)
        resource = AccessResource(type="organization", organization_id=organization_id)
        if decide(subject, Permission.ORGANIZATION_READ, resource).conceals:
            raise OrganizationNotFound
        return Held(organization, subject, membership)

    async def require_may_assign(
        self,
        uow: OrganizationsUnitOfWork,
        held: Held,
        role: str | None,
        *,
        instead_of: str | None = None,
        team_id: TeamId | None = None,
    ) -> None:
        """That whoever acts may make somebody a ``role`` of the organization, or of a team of it.

        None is nobody; ``instead_of`` is what they are until then (SEC-57). Raises
        PermissionDenied, and InvalidInput when there is no such role.
        """
        where, scope = held.organization.id, RoleScope.TEAM if team_id else RoleScope.ORGANIZATION
        if team_id is None:
            held.require(Permission.USERS_MANAGE)
        else:
            held.require_in_team(Permission.TEAMS_MANAGE, team_id)
        names = [(scope, name) for name in (role, instead_of) if name is not None]
        made = await self._made(uow, where, names)
        wanted = None if role is None else self._known(scope, role, made)
        if held.subject is None:
            return
        before = None if instead_of is None else self._held(scope, instead_of, made)
        if team_id is None:
            require_may_assign(held.subject, where, role=wanted, instead_of=before)
        else:
            require_may_assign_in_team(held.subject, where, team_id, role=wanted, instead_of=before)

    async def role_exists(
        self, uow: OrganizationsUnitOfWork, organization_id: OrganizationId, name: str
    ) -> bool:
        """Whether somebody can have a role of this name in the organization."""
        if self._book.find(RoleScope.ORGANIZATION, name) is not None:
            return True
        return name in await uow.roles.permitted(organization_id, [name])

    async def _grant(
        self, uow: OrganizationsUnitOfWork, membership: Membership
    ) -> OrganizationGrant:
        where = membership.organization_id
        teams = await uow.teams.memberships_of(where, membership.user_id)
        names = [(RoleScope.TEAM, one.role) for one in teams]
        made = await self._made(uow, where, [(RoleScope.ORGANIZATION, membership.role), *names])
        return OrganizationGrant(
            organization_id=where,
            role=membership.role,
            permissions=made.get(membership.role),
            teams=tuple(TeamGrant(one.team_id, one.role, made.get(one.role)) for one in teams),
        )

    async def _made(
        self,
        uow: OrganizationsUnitOfWork,
        organization_id: OrganizationId,
        names: Iterable[tuple[RoleScope, str]],
    ) -> Mapping[str, tuple[str, ...]]:
        """What those of ``names`` permit that are not built in. Without any, no round trip."""
        own = {name for scope, name in names if self._book.find(scope, name) is None}
        return await uow.roles.permitted(organization_id, own) if own else {}

    def _known(self, scope: RoleScope, name: str, made: Mapping[str, tuple[str, ...]]) -> Role:
        """A role to give, with all that it says: nobody holds what is registered no more."""
        role = self._book.find(scope, name)
        if role is not None:
            return role
        if name not in made:
            built_in = ", ".join(each.name for each in self._book.of(scope))
            message = f"one of {built_in}, or a role that the organization made"
            raise InvalidInput(FieldProblem(field="role", type="unknown", message=message))
        return Role(name=name, scope=scope, permissions=frozenset(made[name]))

    def _held(self, scope: RoleScope, name: str, made: Mapping[str, tuple[str, ...]]) -> Role:
        """A role that somebody has, with what it permits now."""
        role = self._book.find(scope, name)
        if role is not None:
            return role
        permits = self._book.registry.all.intersection(made.get(name, ()))
        return Role(name=name, scope=scope, permissions=permits)
