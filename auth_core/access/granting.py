"""Who may give which role to whom: nobody gives, or takes from others, what he does not hold."""

from auth_core.access.deciding import decide
from auth_core.access.model import Resource, Subject
from auth_core.access.permission import Permission
from auth_core.access.roles import Role
from auth_core.kernel import OrganizationId, PermissionDenied, TeamId

_NOT_HELD = "You can only grant roles that you hold."
_MIGHTIER = "You cannot change somebody who may do more than you."


def require_may_assign(
    granter: Subject,
    organization_id: OrganizationId,
    *,
    role: Role | None,
    instead_of: Role | None = None,
) -> None:
    """That ``granter`` may make somebody a ``role`` of this organization (SEC-57).

    ``role`` None: remove them. ``instead_of``: what they are until then, None for a newcomer. The
    same holds for the granter themselves, so nobody promotes himself. Raises NotFound when the
    granter is nobody there, PermissionDenied.
    """
    resource = Resource(type="organization", organization_id=organization_id)
    decide(granter, Permission.USERS_MANAGE, resource).enforce()
    _require_holds(granter.held_in(organization_id), role, instead_of)


def require_may_assign_in_team(
    granter: Subject,
    organization_id: OrganizationId,
    team_id: TeamId,
    *,
    role: Role | None,
    instead_of: Role | None = None,
) -> None:
    """The same for the role of a member of the organization in one of its teams."""
    resource = Resource(type="teams", organization_id=organization_id, team_id=team_id)
    decide(granter, Permission.TEAMS_MANAGE, resource).enforce()
    _require_holds(granter.held_in(organization_id, team_id), role, instead_of)


def require_may_define(
    granter: Subject,
    organization_id: OrganizationId,
    permissions: frozenset[str],
    *,
    instead_of: frozenset[str] = frozenset(),
    by: Permission = Permission.ROLES_WRITE,
) -> None:
    """That ``granter`` may let a role of this organization permit this, instead of what it did.

    ``by`` is the permission that they need for it beside what is in the role. Raises NotFound when
    the granter is nobody there, PermissionDenied.
    """
    resource = Resource(type="roles", organization_id=organization_id)
    decide(granter, by, resource).enforce()
    held = granter.held_in(organization_id)
    if not permissions <= held or not instead_of <= held:
        message = "You can only put permissions into a role that you hold."
        raise PermissionDenied(message)


def _require_holds(held: frozenset[str], role: Role | None, instead_of: Role | None) -> None:
    if instead_of is not None and not instead_of.permissions <= held:
        raise PermissionDenied(_MIGHTIER)
    if role is not None and not role.permissions <= held:
        raise PermissionDenied(_NOT_HELD)
