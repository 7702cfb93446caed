"""A session: one sign-in on one device, from login to logout."""

from datetime import datetime
from enum import StrEnum

import msgspec

from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.users import User


class EndReason(StrEnum):
    """Why a session is over."""

    LOGOUT = "logout"
    REVOKED_ALL = "revoked_all"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The row behind every token of one sign-in. ``expires_at`` is absolute.

    ``refresh_counter`` numbers the newest refresh token; each rotation will add one.
    """

    id: SessionId
    user_id: UserId
    created_at: datetime
    expires_at: datetime
    organization_id: OrganizationId | None = None
    refresh_counter: int = 0
    ended_at: datetime | None = None
    end_reason: EndReason | None = None

    def is_live(self, now: datetime) -> bool:
        """Neither ended nor past its absolute lifetime."""
        return self.ended_at is None and now < self.expires_at


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a request with a token needs to know."""

    session: Session
    user: User
    live_sessions: int

    def admits(self, now: datetime) -> bool:
        """Whether a request of this session may pass."""
        return self.session.is_live(now) and self.user.is_active


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt to end a session."""

    ended: bool
    """False when it was unknown or already over; nothing was written then."""
    live_sessions: int
    """How many live sessions the user has left."""
