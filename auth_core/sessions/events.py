"""Events of a session's life."""

from auth_core.kernel import DomainEvent, SessionId
from auth_core.sessions.model import EndReason, ReuseCause


class SessionCreated(DomainEvent, frozen=True, kw_only=True, tag="session.created"):
    """A session began."""

    session_id: SessionId


class SessionRevoked(DomainEvent, frozen=True, kw_only=True, tag="session.revoked"):
    """A session ended before its time."""

    session_id: SessionId
    reason: EndReason


class SessionReuseDetected(DomainEvent, frozen=True, kw_only=True, tag="session.reuse_detected"):
    """A refresh token came that only a thief, or the victim of one, would present."""

    session_id: SessionId
    cause: ReuseCause
