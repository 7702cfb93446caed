"""Sessions: the truth about who is signed in where, and the cache in front of it."""

from auth_core.sessions.events import SessionCreated, SessionRevoked
from auth_core.sessions.model import Ending, EndReason, Session, SessionState
from auth_core.sessions.ports import (
    ENDED,
    Ended,
    Lease,
    SessionCache,
    SessionRepository,
    SessionsUnitOfWork,
)
from auth_core.sessions.service import SessionService

__all__ = [
    "ENDED",
    "EndReason",
    "Ended",
    "Ending",
    "Lease",
    "Session",
    "SessionCache",
    "SessionCreated",
    "SessionRepository",
    "SessionRevoked",
    "SessionService",
    "SessionState",
    "SessionsUnitOfWork",
]
