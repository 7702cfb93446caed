"""A session: one sign-in on one device, from login to logout."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from auth_core.access import Grants, OrganizationGrant
from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions.origin import SessionOrigin
from auth_core.users import Scope, User

MAX_RECENT_ROTATIONS = 64
"""A client that refreshes more often within the parallel window is none that needs it."""


class EndReason(StrEnum):
    """Why a session is over."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    """One session, ended from the list of sessions or by an administrator."""
    REVOKED_ALL = "revoked_all"
    EXPIRED = "expired"
    REUSE_DETECTED = "reuse_detected"
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason
    ROLES_LOST = "roles_lost"
    UNKNOWN = "unknown"
    """Whatever a newer release wrote: read only, and as much an end as any other."""


class ReuseCause(StrEnum):
    """What was wrong with a refresh token that nobody honest would present."""

    SUPERSEDED_TOKEN = "superseded_token"  # noqa: S105 - a cause
    """Its successor has been redeemed, and the parallel window is over."""
    ENDED_SESSION = "ended_session"
    INACTIVE_USER = "inactive_user"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The row behind every token of one sign-in.

    ``organization_id`` is the organization that was chosen for it: see `organization_of`.
    ``expires_at`` is the end of its idle lifetime, moved by every refresh and never past
    ``absolute_expires_at``. ``refresh_counter`` numbers the newest refresh token, which was made at
    ``last_used_at``; ``recent_rotations`` are the moments of the last rotations, newest last, as
    far back as the parallel window reaches, `MAX_RECENT_ROTATIONS` at most. ``user_epoch`` is the
    user's epoch at the sign-in. ``authenticated_at`` is when the person last proved who they are
    (None: at the sign-in), ``amr`` how (RFC 8176). ``impersonator_id``: it is not the user who
    acts, but this administrator, for the reason given.
    """

    id: SessionId
    user_id: UserId
    created_at: datetime
    expires_at: datetime
    absolute_expires_at: datetime
    last_used_at: datetime
    scopes: tuple[Scope, ...] = ("personal",)
    user_epoch: int = 0
    origin: SessionOrigin = SessionOrigin()
    organization_id: OrganizationId | None = None
    refresh_counter: int = 0
    recent_rotations: tuple[datetime, ...] = ()
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    reuse_detected_at: datetime | None = None
    authenticated_at: datetime | None = None
    amr: tuple[str, ...] = ()
    impersonator_id: UserId | None = None
    impersonation_reason: str | None = None

    def was_authenticated_within(self, max_age: timedelta, now: datetime) -> bool:
        """Whether the person themselves proved who they are less than ``max_age`` ago."""
        if self.impersonator_id is not None:
            return False
        # a clock that was set back makes nothing recent that is not
        return abs(now - (self.authenticated_at or self.created_at)) < max_age

    def is_live(self, now: datetime) -> bool:
        """Neither ended nor past its idle or absolute lifetime."""
        return self.ended_at is None and now < self.expires_at

    def was_used_up_within(self, window: timedelta, counter: int, now: datetime) -> bool:
        """Whether the successor of token ``counter`` was redeemed less than ``window`` ago.

        Or ahead: another node's clock, or ours before it was set back, may have said when.
        """
        redemptions_since = self.refresh_counter - counter - 1
        if not 1 <= redemptions_since <= len(self.recent_rotations):
            return False
        return abs(now - self.recent_rotations[-redemptions_since]) < window


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a request with a token needs to know."""

    session: Session
    user: User
    live_sessions: int
    grants: Grants = ()
    """The roles that the user holds in organizations and their teams."""

    @property
    def organization(self) -> OrganizationGrant | None:
        """The organization that is active, with the role there; None without one."""
        return organization_of(self.session, self.grants)

    def admits(self, now: datetime) -> bool:
        """Whether a request of this session may pass."""
        return (
            self.session.is_live(now)
            and self.user.is_active
            and self.session.user_epoch == self.user.epoch
        )


def organization_of(session: Session, grants: Grants) -> OrganizationGrant | None:
    """What ``grants`` say of the organization that was chosen for the session.

    None when there is none, when the user does not belong to it any more, and while it is deleted:
    wherever one asks what is active, one asks this (SEC-56).
    """
    wanted = session.organization_id
    if wanted is None:
        return None
    for grant in grants:
        if grant.organization_id == wanted:
            return grant if grant.active else None
    return None


def first_organization(user: User, grants: Grants) -> OrganizationId | None:
    """Where a new session begins: where the user acted last, else in the only one there is."""
    there = [grant.organization_id for grant in grants if grant.active]
    if user.organization_id in there:
        return user.organization_id
    return there[0] if len(there) == 1 else None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt to end a session."""

    ended: bool
    """False when it was unknown or already over; nothing was written then."""
    live_sessions: int
    """How many live sessions the user has left."""
