"""Who asks, with the roles that they have while the organization is held."""

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

    def require_may_assign(self, role: Role | None, instead_of: Role | None = None) -> None:
        """That whoever acts may make somebody a ``role``, None is nobody (SEC-57)."""
        if self.subject is not None:
            require_may_assign(self.subject, self.organization.id, role=role, instead_of=instead_of)

    def require_may_assign_in_team(
        self, team_id: TeamId, role: Role | None, instead_of: Role | None = None
    ) -> None:
        """The same in a team."""
        if self.subject is not None:
            require_may_assign_in_team(
                self.subject, self.organization.id, team_id, role=role, instead_of=instead_of
            )

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
            teams = await uow.teams.memberships_of(organization_id, actor_id)
            grants = (_grant(membership, tuple(TeamGrant(one.team_id, one.role) for one in teams)),)
        subject = subject_of(self._book, actor_id, user.roles, grants)
        resource = AccessResource(type="organization", organization_id=organization_id)
        if decide(subject, Permission.ORGANIZATION_READ, resource).conceals:
            raise OrganizationNotFound
        return Held(organization, subject, membership)

    def role(self, name: str) -> Role:
        """The role of organizations that is called so. Raises InvalidInput."""
        return self._known(RoleScope.ORGANIZATION, name)

    def team_role(self, name: str) -> Role:
        """The role of teams that is called so. Raises InvalidInput."""
        return self._known(RoleScope.TEAM, name)

    def held_role(self, name: str) -> Role:
        """The role that somebody has; one that nobody knows permits nothing."""
        return self._book.find(RoleScope.ORGANIZATION, name) or _nothing(
            name, RoleScope.ORGANIZATION
        )

    def held_team_role(self, name: str) -> Role:
        """The same of a team."""
        return self._book.find(RoleScope.TEAM, name) or _nothing(name, RoleScope.TEAM)

    def _known(self, scope: RoleScope, name: str) -> Role:
        role = self._book.find(scope, name)
        if role is None:
            known = ", ".join(each.name for each in self._book.of(scope))
            raise InvalidInput(
                FieldProblem(field="role", type="unknown", message=f"one of {known}")
            )
        return role


def _grant(membership: Membership, teams: tuple[TeamGrant, ...]) -> OrganizationGrant:
    return OrganizationGrant(
        organization_id=membership.organization_id, role=membership.role, teams=teams
    )


def _nothing(name: str, scope: RoleScope) -> Role:
    return Role(name=name, scope=scope, permissions=frozenset())
