"""Teams within an organization."""

from datetime import datetime
from typing import Self

import msgspec

from auth_core.kernel import OrganizationId, TeamId, UserId

LEAD, TEAM_MEMBER = "lead", "member"
TEAM_ROLES = frozenset({LEAD, TEAM_MEMBER})
"""The roles within a team. What each permits, `auth_core.access` says."""


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """Some members of an organization. A change makes a new value with the next `version`."""

    id: TeamId
    organization_id: OrganizationId
    name: str
    created_at: datetime
    updated_at: datetime
    version: int = 1

    def renamed(self, name: str, *, at: datetime) -> Self:
        """The same team with another name, which was checked."""
        return msgspec.structs.replace(self, name=name, updated_at=at, version=self.version + 1)


class TeamMembership(msgspec.Struct, frozen=True, kw_only=True):
    """That a member of the organization belongs to a team. It ends with the membership."""

    organization_id: OrganizationId
    team_id: TeamId
    user_id: UserId
    role: str
    created_at: datetime


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """A team membership, and what the organization sees of the person."""

    membership: TeamMembership
    username: str
    display_name: str
