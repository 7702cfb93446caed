"""Refresh rotation: which token of a session may be redeemed, and what becomes of the session.

Token ``n`` is the newest while the row's counter says ``n``. Redeeming it moves the counter on, and
nobody but its bearer can have done so. Its predecessor stays good as long as nobody has redeemed
the newest (the answer may have been lost: FAPI 2.0 Security Profile §5.3.2.1) and within a short
window after somebody has (two tabs, a retry that was overtaken). Whoever comes with anything older
has a copy of a token that was used up, and the session ends (RFC 9700 §4.14.2).
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto

import msgspec

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import (
    NO_METRICS,
    Clock,
    EventId,
    Ids,
    InvalidRefreshToken,
    Metrics,
    SessionId,
    Unavailable,
    UserId,
    acting,
)
from auth_core.sessions.events import SessionReuseDetected, SessionRevoked
from auth_core.sessions.metrics import REFRESHES, REUSE
from auth_core.sessions.model import EndReason, ReuseCause, Session, SessionState
from auth_core.sessions.ports import (
    RefreshCounter,
    Rotated,
    SessionCache,
    SessionsUnitOfWork,
)
from auth_core.sessions.revocations import RevocationAnnouncer

_ATTEMPTS = 3


class PresentedToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a genuine, unexpired refresh token says, and which client presents it."""

    user_id: UserId
    session_id: SessionId
    counter: int
    client_id: str | None = None


class Verdict(Enum):
    """What to do with a token whose redemption did not move the counter."""

    SAME_SUCCESSOR = auto()
    """An honest retry: it gets what the first caller got."""
    TRY_AGAIN = auto()
    """It looks redeemable: something changed between the attempt and the look."""
    EXPIRED = auto()
    REFUSED = auto()
    """Nothing is wrong with the session, or there is none."""


_RESULTS: Mapping[Verdict | ReuseCause, str] = {
    Verdict.SAME_SUCCESSOR: "repeated",
    Verdict.REFUSED: "refused",
}
"""What is counted; any cause is a reuse."""


class RefreshRotation:
    """Moves sessions on from one refresh token to the next."""

    def __init__(
        self,
        unit_of_work: Callable[[], SessionsUnitOfWork],
        counter: RefreshCounter,
        cache: SessionCache,
        clock: Clock,
        ids: Ids,
        announcer: RevocationAnnouncer,
        *,
        idle_lifetime: timedelta,
        parallel_window: timedelta,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._counter = counter
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._announcer = announcer
        self._idle_lifetime = idle_lifetime
        self._window = parallel_window
        self._metrics = metrics

    async def rotate(self, presented: PresentedToken) -> Rotated:
        """The session whose newest token the presenter now gets; equal for all who race or retry.

        One conditional UPDATE. Raises InvalidRefreshToken; if the token was reused, the session has
        been ended, reported and audited durably before that. Raises Unavailable.
        """
        for _ in range(_ATTEMPTS):
            now = self._clock.now()
            rotated = await self._counter.advance(
                presented.user_id,
                presented.session_id,
                presented.counter,
                client_id=presented.client_id,
                now=now,
                idle_lifetime=self._idle_lifetime,
                window=self._window,
            )
            if rotated is not None:
                self._metrics.count(REFRESHES, "rotated")
                return rotated
            retry = await self._settle(presented, now)
            if retry is not None:
                return retry
        raise Unavailable

    async def _settle(self, presented: PresentedToken, now: datetime) -> Rotated | None:
        async with self._unit_of_work() as uow:
            state = await uow.sessions.state(presented.session_id, now)
        verdict = judge(state, presented, now, self._window)
        if verdict is Verdict.TRY_AGAIN:
            return None
        if verdict is not Verdict.EXPIRED:  # `expire` counts it
            self._metrics.count(REFRESHES, _RESULTS.get(verdict, "reused"))
        if verdict is Verdict.SAME_SUCCESSOR and state is not None:
            return Rotated(user=state.user, session=state.session, grants=state.grants)
        if isinstance(verdict, ReuseCause):
            with acting(None if state is None else state.session.impersonator_id):
                await asyncio.shield(self._report(presented, verdict, now))
        elif verdict is Verdict.EXPIRED:
            await self.expire(presented.user_id, presented.session_id)
        raise InvalidRefreshToken

    async def redeemable(
        self, user_id: UserId, session_id: SessionId, counter: int
    ) -> Session | None:
        """The session of a genuine token that `rotate` would take from its client; nothing moves.

        Raises Unavailable.
        """
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            state = await uow.sessions.state(session_id, now)
        if state is None:
            return None
        presented = PresentedToken(
            user_id=user_id,
            session_id=session_id,
            counter=counter,
            client_id=state.session.origin.client_id,
        )
        good = {Verdict.TRY_AGAIN, Verdict.SAME_SUCCESSOR}
        return state.session if judge(state, presented, now, self._window) in good else None

    async def expire(self, user_id: UserId, session_id: SessionId) -> None:
        """Mark a session whose time is over, so that no clock revives it (SEC-50)."""
        self._metrics.count(REFRESHES, "expired")
        async with self._unit_of_work() as uow:
            expired = await uow.sessions.expire(session_id, self._clock.now())
            await uow.commit()
        if expired:  # a cache may still hold it, to be believed when the clock is set back
            await self._cache.end(user_id, [session_id])

    async def _report(self, presented: PresentedToken, cause: ReuseCause, at: datetime) -> None:
        """Commit the damage report, once per session, then make the end known everywhere."""
        user_id, session_id = presented.user_id, presented.session_id
        async with self._unit_of_work() as uow:
            report = await uow.sessions.report_reuse(session_id, at)
            if report is not None:
                await self._record(uow, presented, cause, at, was_live=report.was_live)
                await uow.commit()
                self._metrics.count(REUSE, cause)
                self._announcer.announce(user_id, [session_id], at)
        await self._cache.end(user_id, [session_id])

    async def _record(
        self,
        uow: SessionsUnitOfWork,
        presented: PresentedToken,
        cause: ReuseCause,
        at: datetime,
        *,
        was_live: bool,
    ) -> None:
        user_id, session_id = presented.user_id, presented.session_id
        detected = SessionReuseDetected(
            id=self._event_id(),
            occurred_at=at,
            user_id=user_id,
            session_id=session_id,
            cause=cause,
        )
        revoked = SessionRevoked(
            id=self._event_id(),
            occurred_at=at,
            user_id=user_id,
            session_id=session_id,
            reason=EndReason.REUSE_DETECTED,
        )
        await uow.outbox.add([detected, revoked] if was_live else [detected])
        await uow.audit.append(
            AuditRecord(
                id=self._event_id(),
                occurred_at=at,
                action=AuditAction.SESSION_REUSE_DETECTED,
                reason=cause,
                user_id=user_id,
                session_id=session_id,
            )
        )

    def _event_id(self) -> EventId:
        return EventId(self._ids.uuid())


def judge(
    state: SessionState | None, presented: PresentedToken, now: datetime, window: timedelta
) -> Verdict | ReuseCause:
    """What a token is that could not be redeemed at ``now``. A cause means theft."""
    if (
        state is None
        or state.user.id != presented.user_id
        or state.session.origin.client_id != presented.client_id  # SEC-34; its owner may go on
        or state.session.end_reason is EndReason.EXPIRED
    ):
        return Verdict.REFUSED
    if state.session.ended_at is not None or state.session.user_epoch != state.user.epoch:
        return ReuseCause.ENDED_SESSION
    if not state.user.is_active:
        return ReuseCause.INACTIVE_USER
    if not state.session.is_live(now):
        return Verdict.EXPIRED
    return _judge_counter(state.session, presented.counter, now, window)


def _judge_counter(
    session: Session, counter: int, now: datetime, window: timedelta
) -> Verdict | ReuseCause:
    behind = session.refresh_counter - counter
    if behind < 0:  # the database is older than the token: restored from a backup
        return Verdict.REFUSED
    if behind == 0:
        return Verdict.TRY_AGAIN
    if behind == 1 or session.was_used_up_within(window, counter, now):
        return Verdict.SAME_SUCCESSOR
    return ReuseCause.SUPERSEDED_TOKEN
