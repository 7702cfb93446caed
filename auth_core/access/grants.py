"""What is stored about who holds which role where, and how it becomes a subject."""

from collections.abc import Iterable, Sequence

import msgspec

from auth_core.access.model import Standing, Subject
from auth_core.access.permission import Permission
from auth_core.access.roles import Role, RoleBook
from auth_core.access.scope import RoleScope
from auth_core.kernel import OrganizationId, TeamId, UserId


class TeamGrant(msgspec.Struct, frozen=True):
    """A role in a team; ``permissions`` as of `OrganizationGrant`."""

    team_id: TeamId
    role: str
    permissions: tuple[str, ...] | None = None


class OrganizationGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A role in an organization, and those in its teams.

    ``name`` is the organization's, for people to read; only what is read from storage has one.
    ``permissions`` of a role that the organization made itself; None for a built-in one.
    ``active`` False: the organization was deleted and can still be restored.
    """

    organization_id: OrganizationId
    name: str = ""
    role: str
    permissions: tuple[str, ...] | None = None
    teams: tuple[TeamGrant, ...] = ()
    active: bool = True


Grants = tuple[OrganizationGrant, ...]

_RESTORING = frozenset({Permission.ORGANIZATION_READ.value, Permission.ORGANIZATION_MANAGE.value})
"""What is left to do in an organization that was deleted, for those who manage it."""


def subject_of(
    book: RoleBook, user_id: UserId, platform: Iterable[str], grants: Sequence[OrganizationGrant]
) -> Subject:
    """Somebody with their roles of all levels. A role that nobody knows permits nothing.

    In an organization that was deleted only those who manage it still have a standing.
    """
    roles = (book.find(RoleScope.PLATFORM, name) for name in platform)
    organizations = {}
    for grant in grants:
        standing = _standing(book, grant)
        if standing is not None:
            organizations[grant.organization_id] = standing
    return Subject(
        user_id=user_id,
        platform=tuple(role for role in roles if role is not None),
        organizations=organizations,
    )


def _standing(book: RoleBook, grant: OrganizationGrant) -> Standing | None:
    role = _role(book, RoleScope.ORGANIZATION, grant.organization_id, grant)
    if grant.active:
        here = grant.organization_id
        teams = {one.team_id: _role(book, RoleScope.TEAM, here, one) for one in grant.teams}
        return Standing(role, teams)
    if Permission.ORGANIZATION_MANAGE not in role.permissions:
        return None
    return Standing(msgspec.structs.replace(role, permissions=role.permissions & _RESTORING))


def _role(
    book: RoleBook,
    scope: RoleScope,
    organization_id: OrganizationId,
    grant: OrganizationGrant | TeamGrant,
) -> Role:
    if grant.permissions is None:
        found = book.find(scope, grant.role)
        return found or Role(name=grant.role, scope=scope, permissions=frozenset())
    return Role(
        name=grant.role,
        scope=scope,
        # what is not registered any more permits nothing
        permissions=frozenset(each for each in grant.permissions if each in book.registry),
        organization_id=organization_id,
    )
