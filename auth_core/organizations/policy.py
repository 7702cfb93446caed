"""What a deployment lets organizations have."""

from datetime import timedelta

import msgspec


class OrganizationPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Limits hold unless an organization has others of its own, which only the platform gives."""

    max_members: int = 500
    max_teams: int = 100
    max_domains: int = 10
    max_owned: int = 20
    """How many organizations one person may own."""
    anybody_creates: bool = True
    """Or else administrators of the platform only."""
    invitation_days: int = 7
    """Of organizations that are new; each may choose otherwise."""
    deletion_grace: timedelta = timedelta(days=30)
    """How long a deleted organization can be restored."""
