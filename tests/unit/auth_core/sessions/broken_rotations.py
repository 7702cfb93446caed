"""Refresh rotations that are wrong in one thing each, to prove that the tests would notice.

Each breaks what cores are made of through pytest's ``monkeypatch``, until that undoes it.
"""

import asyncio
from uuid import uuid4

import msgspec

from auth_core.sessions import ReuseCause, Rotated, Session, rotation
from auth_core.sessions.rotation import RefreshRotation, Verdict
from auth_core.testing import sessions as in_memory
from auth_core.testing.session_cache import InMemorySessionCache
from auth_core.testing.sessions import InMemoryRefreshCounter, InMemorySessionRepository
from auth_core.testing.unit_of_work import InMemoryAuditTrail, InMemoryUnitOfWork
from auth_core.tokens import TokenIssuer
from auth_core.users import UserStatus

judge, advance = rotation.judge, InMemoryRefreshCounter.advance


def no_window(patch) -> None:
    patch.setattr(Session, "was_used_up_within", lambda *_: False)


def endless_window(patch) -> None:
    patch.setattr(Session, "was_used_up_within", lambda *_: True)


def one_token_older_is_good_for_ever(patch) -> None:
    """Its successor has been used, and still it is taken for the retry of a lost answer."""
    right = rotation._judge_counter

    def wrong(session, counter, now, window):
        behind = session.refresh_counter - counter
        return Verdict.SAME_SUCCESSOR if behind == 2 else right(session, counter, now, window)

    patch.setattr(rotation, "_judge_counter", wrong)


def a_lost_answer_is_theft(patch) -> None:
    right = rotation._judge_counter

    def wrong(session, counter, now, window):
        behind = session.refresh_counter - counter
        return ReuseCause.SUPERSEDED_TOKEN if behind == 1 else right(session, counter, now, window)

    patch.setattr(rotation, "_judge_counter", wrong)


def counter_at_least(patch) -> None:
    """``WHERE refresh_counter >= …``: used-up tokens rotate, too."""

    async def wrong(self, user_id, session_id, counter, **rest):
        stored = self._store.sessions[session_id].refresh_counter
        return await advance(self, user_id, session_id, max(counter, stored), **rest)

    patch.setattr(InMemoryRefreshCounter, "advance", wrong)


def look_and_count_apart(patch) -> None:
    """What was compared is no longer what is counted on: two statements instead of one."""

    async def wrong(self, user_id, session_id, counter, *, now, idle_lifetime, window, **rest):
        limits = {"idle_lifetime": idle_lifetime, "window": window}
        await asyncio.sleep(0)
        looked_at = self._store.sessions[session_id]
        user = self._store.users[user_id]
        if looked_at.refresh_counter != counter or not looked_at.is_live(now) or not user.is_active:
            return await advance(self, user_id, session_id, counter, now=now, **limits, **rest)
        await asyncio.sleep(0)
        counted_on = in_memory._advanced(self._store.sessions[session_id], now, **limits)
        self._store.sessions[session_id] = counted_on
        return Rotated(user=user, session=counted_on)

    patch.setattr(InMemoryRefreshCounter, "advance", wrong)


def report_not_committed(patch) -> None:
    """The damage report is rolled back by the refusal."""

    async def wrong(self, presented, cause, at) -> None:
        async with self._unit_of_work() as uow:
            report = await uow.sessions.report_reuse(presented.session_id, at)
            if report is not None:
                await self._record(uow, presented, cause, at, was_live=report.was_live)
        await self._cache.end(presented.user_id, [presented.session_id])

    patch.setattr(RefreshRotation, "_report", wrong)


def report_without_the_end(patch) -> None:
    """The thief is refused, and the session lives on."""

    def wrong(*asked):
        verdict = judge(*asked)
        return Verdict.REFUSED if verdict is ReuseCause.SUPERSEDED_TOKEN else verdict

    patch.setattr(rotation, "judge", wrong)


def reported_again_and_again(patch) -> None:
    right = InMemorySessionRepository.report_reuse

    async def wrong(self, session_id, at):
        self._replace(self._transaction.sessions[session_id], reuse_detected_at=None)
        return await right(self, session_id, at)

    patch.setattr(InMemorySessionRepository, "report_reuse", wrong)


def no_audit_record(patch) -> None:
    async def wrong(self, record) -> None:
        return

    patch.setattr(InMemoryAuditTrail, "append", wrong)


def caches_not_told(patch) -> None:
    """A warm access token of a session that ended goes on."""

    async def wrong(self, user_id, session_ids) -> None:
        return

    patch.setattr(InMemorySessionCache, "end", wrong)


def successor_drawn_anew(patch) -> None:
    """Every caller gets a refresh token of their own."""
    right = TokenIssuer.issue

    def wrong(self, user, session, keys, **rest):
        pair = right(self, user, session, keys, **rest)
        claims = rotation_claims(session, jti=str(uuid4()))
        drawn = self._signer.sign(claims, key=keys.refresh, typ="rt+jwt")
        return msgspec.structs.replace(pair, refresh_token=drawn)

    patch.setattr(TokenIssuer, "issue", wrong)


def rotation_claims(session, *, jti):
    from auth_core.tokens.claims import RefreshClaims

    return RefreshClaims(
        sub=session.user_id,
        sid=session.id,
        ctr=session.refresh_counter,
        iat=int(session.last_used_at.timestamp()),
        exp=int(session.expires_at.timestamp()),
        jti=jti,
    )


def disabled_user_not_noticed(patch) -> None:
    def active(state):
        user = msgspec.structs.replace(state.user, status=UserStatus.ACTIVE)
        return msgspec.structs.replace(state, user=user)

    class Lenient(in_memory.SessionState, frozen=True, kw_only=True):
        def admits(self, now) -> bool:
            return in_memory_state(active(self)).admits(now)

    right_state = in_memory.SessionState

    def in_memory_state(state):
        return right_state(
            session=state.session, user=state.user, live_sessions=state.live_sessions
        )

    patch.setattr(in_memory, "SessionState", Lenient)
    patch.setattr(rotation, "judge", lambda state, *rest: judge(state and active(state), *rest))


def ended_session_not_noticed(patch) -> None:
    """What was ended is looked at as if it had not been."""

    def wrong(state, presented, now, window):
        if state is not None and state.session.ended_at is not None:
            session = msgspec.structs.replace(state.session, ended_at=None, end_reason=None)
            session = msgspec.structs.replace(session, user_epoch=state.user.epoch)
            state = msgspec.structs.replace(state, session=session)
        verdict = judge(state, presented, now, window)
        return Verdict.SAME_SUCCESSOR if verdict is Verdict.TRY_AGAIN else verdict

    patch.setattr(rotation, "judge", wrong)


def expiry_not_written_down(patch) -> None:
    """A clock that is set back revives what was refused as expired."""

    async def wrong(self, user_id, session_id) -> None:
        return

    patch.setattr(RefreshRotation, "expire", wrong)


def another_client_accepted(patch) -> None:
    def wrong(state, presented, now, window):
        if state is not None:
            client_id = state.session.origin.client_id
            presented = msgspec.structs.replace(presented, client_id=client_id)
        return judge(state, presented, now, window)

    async def wrong_advance(self, user_id, session_id, counter, *, client_id, **rest):
        bound_to = self._store.sessions[session_id].origin.client_id
        return await advance(self, user_id, session_id, counter, client_id=bound_to, **rest)

    patch.setattr(rotation, "judge", wrong)
    patch.setattr(InMemoryRefreshCounter, "advance", wrong_advance)


def another_client_is_a_thief(patch) -> None:
    """Whoever has a token but not the client's secret ends the session of its owner."""

    def wrong(state, presented, now, window):
        verdict = judge(state, presented, now, window)
        foreign = state is not None and state.session.origin.client_id != presented.client_id
        return ReuseCause.SUPERSEDED_TOKEN if foreign else verdict

    patch.setattr(rotation, "judge", wrong)


def commit_lost(patch) -> None:
    """Ending a session by hand is not committed."""
    right = InMemoryUnitOfWork.commit

    async def wrong(self) -> None:
        ended = any(
            session.end_reason == "logout"
            for session in self._transaction.sessions.maps[0].values()
        )
        if not ended:
            await right(self)

    patch.setattr(InMemoryUnitOfWork, "commit", wrong)


SEEN_BY_BOTH = [
    no_window,
    endless_window,
    one_token_older_is_good_for_ever,
    a_lost_answer_is_theft,
    counter_at_least,
    look_and_count_apart,
    report_not_committed,
    report_without_the_end,
    reported_again_and_again,
    no_audit_record,
    caches_not_told,
    successor_drawn_anew,
    ended_session_not_noticed,
    commit_lost,
]
SEEN_BY_THE_MACHINE = [
    *SEEN_BY_BOTH,
    disabled_user_not_noticed,
    expiry_not_written_down,
    another_client_accepted,
    another_client_is_a_thief,
]
