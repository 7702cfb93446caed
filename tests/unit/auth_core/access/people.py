"""Subjects in every standing, around one organization with one team."""

from uuid import UUID

from auth_core.access import Role, RoleBook, RoleScope, Standing, Subject
from auth_core.kernel import OrganizationId, TeamId, UserId

BOOK = RoleBook()
ME, SOMEBODY = UserId(UUID(int=1)), UserId(UUID(int=2))
HERE, ELSEWHERE = OrganizationId(UUID(int=11)), OrganizationId(UUID(int=12))
TEAM, OTHER_TEAM = TeamId(UUID(int=21)), TeamId(UUID(int=22))


def role(scope: RoleScope, name: str) -> Role:
    """A built-in role that must be there."""
    found = BOOK.find(scope, name)
    assert found is not None
    return found


def on_platform(*names: str) -> Subject:
    """Somebody with platform roles and no organization."""
    roles = tuple(role(RoleScope.PLATFORM, name) for name in names)
    return Subject(user_id=ME, platform=roles)


def in_organization(name: str, *, team: str | None = None, custom: Role | None = None) -> Subject:
    """Somebody who is this in the organization HERE, and perhaps something in its TEAM."""
    teams = {} if team is None else {TEAM: role(RoleScope.TEAM, team)}
    own = custom or role(RoleScope.ORGANIZATION, name)
    return Subject(
        user_id=ME,
        platform=(role(RoleScope.PLATFORM, "user"),),
        organizations={HERE: Standing(own, teams)},
    )
