"""The contract of `SessionRepository`."""

from datetime import datetime, timedelta

import pytest

from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions import EndedSession, Ending, EndReason, Session, SessionState
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    new_session,
    now,
    stored_session,
    stored_user,
)
from auth_core.testing.contracts.session_damage import SessionDamageContract
from auth_core.testing.contracts.session_standing import SessionStandingContract

TICK = timedelta(microseconds=1)


class SessionRepositoryContract(SessionDamageContract, SessionStandingContract):
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_an_unknown_session_has_no_state(self, unit_of_work: UnitOfWorkFactory) -> None:
        assert None is await _state(unit_of_work, SessionId(fresh_id()), now())

    async def test_a_session_comes_back_as_it_was_stored_with_its_user(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        user = await stored_user(unit_of_work, organization_id=OrganizationId(fresh_id()))
        session = await stored_session(
            unit_of_work,
            user,
            organization_id=user.organization_id,
            refresh_counter=2**31 - 1,
            expires_at=at + timedelta(days=400, microseconds=999_999),
        )

        state = await _state(unit_of_work, session.id, at)

        assert SessionState(session=session, user=user, live_sessions=1) == state
        assert state is not None
        assert timedelta(0) == state.session.expires_at.utcoffset()

    async def test_a_transaction_sees_its_own_session_and_nobody_else_does(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = new_session(user)
        async with unit_of_work() as uow:
            await uow.sessions.add(session)
            inside = await uow.sessions.state(session.id, now())
            outside = await _state(unit_of_work, session.id, now())

        assert SessionState(session=session, user=user, live_sessions=1) == inside
        assert outside is None
        assert None is await _state(unit_of_work, session.id, now())

    async def test_an_ended_session_still_has_a_state(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """It says when and why; whether it admits anybody is the reader's question."""
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        at = now()
        await _end(unit_of_work, session, at)

        state = await _state(unit_of_work, session.id, at)

        assert state is not None
        assert (at, EndReason.LOGOUT) == (state.session.ended_at, state.session.end_reason)
        assert (False, 0) == (state.admits(at), state.live_sessions)

    async def test_only_live_sessions_of_the_user_are_counted(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        await stored_session(unit_of_work, user, expires_at=at + TICK)
        await stored_session(unit_of_work, user, expires_at=at)
        await stored_session(unit_of_work, other)
        await _end(unit_of_work, await stored_session(unit_of_work, user), at)

        assert 2 == await _live(unit_of_work, session, at)
        assert 1 == await _live(unit_of_work, session, at + TICK)

    async def test_a_live_session_ends_once(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        await stored_session(unit_of_work, user)
        at = now()

        first = await _end(unit_of_work, session, at)
        second = await _end(unit_of_work, session, at + TICK, EndReason.REVOKED_ALL)

        assert Ending(ended=True, live_sessions=1) == first
        assert Ending(ended=False, live_sessions=1) == second
        state = await _state(unit_of_work, session.id, at)
        assert state is not None
        assert (at, EndReason.LOGOUT) == (state.session.ended_at, state.session.end_reason)

    async def test_an_unknown_session_cannot_be_ended(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        await stored_session(unit_of_work, user)

        ending = await _end(unit_of_work, new_session(user), now())

        assert Ending(ended=False, live_sessions=1) == ending

    async def test_nobody_ends_the_session_of_another(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)

        async with unit_of_work() as uow:
            ending = await uow.sessions.end(other.id, session.id, EndReason.LOGOUT, now())
            await uow.commit()

        assert Ending(ended=False, live_sessions=0) == ending
        assert 1 == await _live(unit_of_work, session, now())

    @pytest.mark.sec("SEC-50")
    async def test_a_session_lives_until_the_very_moment_it_expires(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        expires_at = now() + timedelta(seconds=10)
        over = await stored_session(unit_of_work, user, expires_at=expires_at)
        live = await stored_session(unit_of_work, user, expires_at=expires_at + TICK)

        endings = [await _end(unit_of_work, session, expires_at) for session in (over, live)]

        assert [False, True] == [ending.ended for ending in endings]
        assert [1, 0] == [ending.live_sessions for ending in endings]
        state = await _state(unit_of_work, over.id, expires_at)
        assert state is not None
        assert over == state.session

    async def test_a_rolled_back_end_leaves_the_session_alive(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        async with unit_of_work() as uow:
            await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())

        assert 1 == await _live(unit_of_work, session, now())

    async def test_end_all_ends_the_live_sessions_of_one_user(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        live = [await stored_session(unit_of_work, user) for _ in range(3)]
        expired = await stored_session(unit_of_work, user, expires_at=at)
        already = await stored_session(unit_of_work, user)
        await _end(unit_of_work, already, at - TICK)
        theirs = await stored_session(unit_of_work, other)

        ended = await _end_all(unit_of_work, user.id, at)

        assert {session.id for session in live} == set(ended)
        assert len(live) == len(ended)
        assert 1 == await _live(unit_of_work, theirs, at)
        states = [
            await _state(unit_of_work, session.id, at) for session in (*live, expired, already)
        ]
        assert [(at, EndReason.REVOKED_ALL)] * 3 + [
            (None, None),
            (at - TICK, EndReason.LOGOUT),
        ] == [(state.session.ended_at, state.session.end_reason) for state in states if state]

    async def test_end_all_without_live_sessions_ends_none(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        await stored_session(unit_of_work, user)
        await _end_all(unit_of_work, user.id, now())

        assert [] == await _end_all(unit_of_work, user.id, now())
        assert [] == await _end_all(unit_of_work, UserId(fresh_id()), now())

    @pytest.mark.sec("SEC-33")
    async def test_ended_since_reports_endings_from_that_moment_on(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """The moment itself counts; sessions that are live or merely expired do not."""
        at = now()
        user = await stored_user(unit_of_work)
        before, exactly, after, live = [await stored_session(unit_of_work, user) for _ in range(4)]
        expired = await stored_session(unit_of_work, user, expires_at=at + TICK)
        await _end(unit_of_work, before, at - TICK)
        await _end(unit_of_work, exactly, at)
        await _end(unit_of_work, after, at + TICK)

        async with unit_of_work() as uow:
            reported = await uow.sessions.ended_since(at)

        mine = [one for one in reported if one.user_id == user.id]
        assert [
            EndedSession(user.id, exactly.id, at),
            EndedSession(user.id, after.id, at + TICK),
        ] == mine
        assert {live.id, expired.id}.isdisjoint({one.session_id for one in reported})

    async def test_ended_since_does_not_report_what_is_not_committed(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        at = now()
        async with unit_of_work() as uow:
            await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, at)
            async with unit_of_work() as reader:
                reported = await reader.sessions.ended_since(at)

        assert session.id not in {one.session_id for one in reported}


async def _state(
    unit_of_work: UnitOfWorkFactory, session_id: SessionId, at: datetime
) -> SessionState | None:
    async with unit_of_work() as uow:
        return await uow.sessions.state(session_id, at)


async def _live(unit_of_work: UnitOfWorkFactory, session: Session, at: datetime) -> int | None:
    state = await _state(unit_of_work, session.id, at)
    return None if state is None else state.live_sessions


async def _end(
    unit_of_work: UnitOfWorkFactory,
    session: Session,
    at: datetime,
    reason: EndReason = EndReason.LOGOUT,
) -> Ending:
    async with unit_of_work() as uow:
        ending = await uow.sessions.end(session.user_id, session.id, reason, at)
        await uow.commit()
        return ending


async def _end_all(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, at: datetime
) -> list[SessionId]:
    async with unit_of_work() as uow:
        ended = await uow.sessions.end_all(user_id, EndReason.REVOKED_ALL, at)
        await uow.commit()
        return ended
