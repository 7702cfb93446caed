"""What sessions need: the truth (a repository) and speed (a cache that may vanish at any time)."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal, NewType, Protocol

import msgspec

from auth_core.access import Grants
from auth_core.audit import AuditUnitOfWork
from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions.model import Ending, EndReason, Session, SessionState
from auth_core.sessions.revocations import EndedSession
from auth_core.users import User, UsersUnitOfWork

Lease = NewType("Lease", str)


class _Ended(Enum):
    ENDED = "ended"


ENDED: Final = _Ended.ENDED
"""What the cache answers for a session that is known to be over."""

Ended = Literal[_Ended.ENDED]


class ReuseReport(msgspec.Struct, frozen=True):
    """``was_live``: it was this reuse that ended the session."""

    was_live: bool


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """A session after a refresh, and its user with what they were granted."""

    user: User
    session: Session
    grants: Grants = ()


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """A session after another organization was chosen, and the one that was chosen before."""

    session: Session
    previous: OrganizationId | None


class SessionRepository(Protocol):
    """The truth about sessions."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def state(self, session_id: SessionId, now: datetime) -> SessionState | None:
        """The session with its user and how many sessions they have live at ``now``, or None."""
        ...

    async def end(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> Ending:
        """End a live session of this user, in one statement. Of racing callers one ends it."""
        ...

    async def end_all(
        self,
        user_id: UserId,
        reason: EndReason,
        at: datetime,
        *,
        keep: SessionId | None = None,
    ) -> list[SessionId]:
        """End every live session of a user but ``keep``; return their ids. One statement."""
        ...

    async def end_impersonations(
        self, impersonator_id: UserId, reason: EndReason, at: datetime
    ) -> list[EndedSession]:
        """End every live session in which this administrator acts for somebody. One statement."""
        ...

    async def prove(
        self, user_id: UserId, session_id: SessionId, at: datetime, amr: tuple[str, ...]
    ) -> Session | None:
        """Note that the person proved who they are again; the session as it is then.

        None, and nothing is written, when it is not this user's, not live, or an impersonation.
        """
        ...

    async def switch(
        self,
        user_id: UserId,
        session_id: SessionId,
        organization_id: OrganizationId | None,
        now: datetime,
    ) -> Switched | None:
        """Choose the organization of a session, in one statement; the last one to do so wins.

        None, and nothing is written, when it is not this user's or not live.
        """
        ...

    async def expire(self, session_id: SessionId, at: datetime) -> bool:
        """Mark a session as ended whose time is over at ``at``, so that no clock revives it.

        False, and nothing is written, when it lives or is marked already.
        """
        ...

    async def report_reuse(self, session_id: SessionId, at: datetime) -> ReuseReport | None:
        """End a session, if it lives, because a token of it was reused; remember that it was.

        In one statement. None when it was reported before: of racing callers one gets the report.
        """
        ...

    async def ended_since(self, since: datetime) -> list[EndedSession]:
        """The sessions that were ended (not expired) at or after ``since``, in that order.

        Also those whose user has been erased: their tokens may not have expired yet.
        """
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` sessions that ended, or reached their absolute lifetime, before
        ``before``, and what `ended_since` knows of erased users from before; returns how many.
        Rows that others hold are left for the next time.
        """
        ...

    async def live_of(
        self, user_id: UserId, now: datetime, *, after: SessionId | None = None, limit: int = 100
    ) -> list[Session]:
        """Up to ``limit`` live sessions of a user, youngest first, older than ``after``."""
        ...

    async def users_with_live(
        self, now: datetime, *, after: UserId | None = None, limit: int = 1000
    ) -> list[UserId]:
        """Up to ``limit`` users who have a session live at ``now``, in the order of their ids,
        behind ``after``.
        """
        ...


class RefreshCounter(Protocol):
    """Compare and set on the row of a session, outside any unit of work."""

    async def advance(
        self,
        user_id: UserId,
        session_id: SessionId,
        counter: int,
        *,
        client_id: str | None,
        now: datetime,
        idle_lifetime: timedelta,
        window: timedelta,
    ) -> Rotated | None:
        """Redeem token ``counter``: one statement, durable when it returns.

        Counter + 1, last used ``now``, expiry ``now + idle_lifetime`` (never past the absolute
        one), ``now`` added to the recent rotations, of which those further than ``window`` from
        ``now``, and the oldest of too many, are dropped.
        None, and nothing is written, unless the session is this user's and this client's, is live
        at ``now``, has this very counter, and its user is active in the epoch of the sign-in.
        The grants are those of the same moment: whoever has left an organization does not get it.
        Of racing callers exactly one succeeds. Raises Unavailable.
        """
        ...


class SessionCache(Protocol):
    """Session states close at hand. A miss is always a correct answer.

    A filler takes a lease, reads the truth, then fills under the lease. `end` and both `forget_…`
    void every lease of the user, so a slow filler cannot bring back what it read before. No method
    raises when the cache is out of reach: reads miss, writes are made good before the cache is
    trusted again.
    """

    async def read(self, user_id: UserId, session_id: SessionId) -> SessionState | Ended | None:
        """The cached state, ENDED when a tombstone says so (it wins over any state), or None."""
        ...

    async def lease(self, user_id: UserId) -> Lease | None:
        """Permission to fill for a few seconds, or None when the cache cannot be filled now."""
        ...

    async def fill(self, state: SessionState, lease: Lease) -> None:
        """Cache a state read under ``lease``; a no-op when the lease is void."""
        ...

    async def end(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        """Set tombstones, drop the states and void the user's leases, all at once.

        May wait for one attempt to reach a cache that was lost.
        """
        ...

    async def forget_user(self, user_id: UserId) -> None:
        """Drop what is cached about the user (not their sessions) and void their leases."""
        ...

    async def forget_session(self, user_id: UserId, session_id: SessionId) -> None:
        """The same, and drop the state of this session, which changed and lives on."""
        ...


class SessionsUnitOfWork(UsersUnitOfWork, AuditUnitOfWork, Protocol):
    """A transaction over users and sessions that leaves a trail."""

    @property
    def sessions(self) -> SessionRepository:
        """The sessions, as this transaction sees them."""
        ...
