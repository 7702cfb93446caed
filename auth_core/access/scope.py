"""The levels on which roles are held."""

from enum import StrEnum


class RoleScope(StrEnum):
    """Where a role is held: on the whole platform, in an organization, or in one of its teams."""

    PLATFORM = "platform"
    ORGANIZATION = "organization"
    TEAM = "team"
