"""Events of a session's life."""

from auth_core.kernel import DomainEvent, SessionId
from auth_core.sessions.model import EndReason


class SessionCreated(DomainEvent, frozen=True, kw_only=True, tag="session.created"):
    """A session began."""

    session_id: SessionId


class SessionRevoked(DomainEvent, frozen=True, kw_only=True, tag="session.revoked"):
    """A session ended before its time."""

    session_id: SessionId
    reason: EndReason
