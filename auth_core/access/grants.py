"""What is stored about who holds which role where, and how it becomes a subject."""

from collections.abc import Iterable, Sequence

import msgspec

from auth_core.access.model import Standing, Subject
from auth_core.access.permission import Permission
from auth_core.access.roles import Role, RoleBook
from auth_core.access.scope import RoleScope
from auth_core.kernel import OrganizationId, TeamId, UserId


class TeamGrant(msgspec.Struct, frozen=True):
    """A role in a team."""

    team_id: TeamId
    role: str


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
    role = _role(book, grant)
    if grant.active:
        return Standing(role, {team.team_id: _team_role(book, team) for team in grant.teams})
    if Permission.ORGANIZATION_MANAGE not in role.permissions:
        return None
    return Standing(msgspec.structs.replace(role, permissions=role.permissions & _RESTORING))


def _role(book: RoleBook, grant: OrganizationGrant) -> Role:
    if grant.permissions is None:
        found = book.find(RoleScope.ORGANIZATION, grant.role)
        return found or _nothing(grant.role, RoleScope.ORGANIZATION)
    return Role(
        name=grant.role,
        scope=RoleScope.ORGANIZATION,
        # what is not registered any more permits nothing
        permissions=frozenset(each for each in grant.permissions if each in book.registry),
        organization_id=grant.organization_id,
    )


def _team_role(book: RoleBook, grant: TeamGrant) -> Role:
    return book.find(RoleScope.TEAM, grant.role) or _nothing(grant.role, RoleScope.TEAM)


def _nothing(name: str, scope: RoleScope) -> Role:
    return Role(name=name, scope=scope, permissions=frozenset())
