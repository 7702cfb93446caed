"""Sessions: the truth about who is signed in where, and the cache in front of it."""

from auth_core.sessions.events import SessionCreated, SessionReuseDetected, SessionRevoked
from auth_core.sessions.lifecycle import AccountLifecycle
from auth_core.sessions.model import (
    MAX_RECENT_ROTATIONS,
    Ending,
    EndReason,
    ReuseCause,
    Session,
    SessionState,
    first_organization,
    organization_of,
)
from auth_core.sessions.origin import IpDetail, SessionOrigin, kept_address, user_agent_family
from auth_core.sessions.ports import (
    ENDED,
    Ended,
    Lease,
    RefreshCounter,
    ReuseReport,
    Rotated,
    SessionCache,
    SessionRepository,
    SessionsUnitOfWork,
    Switched,
)
from auth_core.sessions.retention import RetentionPolicy, RetentionSweep, Swept
from auth_core.sessions.revocation_feed import FeedState, Follower, RevocationFeed
from auth_core.sessions.revocations import (
    EndedSession,
    Revocation,
    RevocationAnnouncer,
    RevocationStream,
)
from auth_core.sessions.rotation import PresentedToken, RefreshRotation
from auth_core.sessions.service import SessionService
from auth_core.sessions.step_up import StepUp, require_own

__all__ = [
    "ENDED",
    "MAX_RECENT_ROTATIONS",
    "AccountLifecycle",
    "EndReason",
    "Ended",
    "EndedSession",
    "Ending",
    "FeedState",
    "Follower",
    "IpDetail",
    "Lease",
    "PresentedToken",
    "RefreshCounter",
    "RefreshRotation",
    "RetentionPolicy",
    "RetentionSweep",
    "ReuseCause",
    "ReuseReport",
    "Revocation",
    "RevocationAnnouncer",
    "RevocationFeed",
    "RevocationStream",
    "Rotated",
    "Session",
    "SessionCache",
    "SessionCreated",
    "SessionOrigin",
    "SessionRepository",
    "SessionReuseDetected",
    "SessionRevoked",
    "SessionService",
    "SessionState",
    "SessionsUnitOfWork",
    "StepUp",
    "Swept",
    "Switched",
    "first_organization",
    "kept_address",
    "organization_of",
    "require_own",
    "user_agent_family",
]
