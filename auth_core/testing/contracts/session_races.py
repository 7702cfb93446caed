"""The contract of `SessionRepository` when many act at once."""

import asyncio

import pytest

from auth_core.kernel import SessionId
from auth_core.sessions import EndReason, Session
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    now,
    stored_session,
    stored_user,
)


class SessionRacesContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_of_racing_logouts_one_ends_the_session(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        session = await stored_session(unit_of_work, await stored_user(unit_of_work))

        ended = await asyncio.gather(*(_end(unit_of_work, session) for _ in range(RACERS)))

        assert [False] * (RACERS - 1) + [True] == sorted(ended)

    async def test_of_racing_endings_of_everything_each_session_is_returned_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        sessions = [await stored_session(unit_of_work, user) for _ in range(4)]

        ended = await asyncio.gather(*(_end_all(unit_of_work, sessions[0]) for _ in range(RACERS)))

        returned = [session_id for ids in ended for session_id in ids]
        assert sorted(session.id for session in sessions) == sorted(returned)

    async def test_a_logout_and_an_ending_of_everything_share_the_sessions(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        other = await stored_session(unit_of_work, user)

        logged_out, ended = await asyncio.gather(
            _end(unit_of_work, session), _end_all(unit_of_work, session)
        )

        expected = {other.id} if logged_out else {session.id, other.id}
        assert expected == set(ended)

    async def test_a_waiting_logout_ends_what_a_rollback_left_alive(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        async with unit_of_work() as uow:
            await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())
            waiting = asyncio.create_task(_end(unit_of_work, session))
            await asyncio.sleep(0)

        assert await waiting

    @pytest.mark.sec("SEC-29")
    async def test_whoever_reads_after_a_logout_sees_the_end(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        sessions = [await stored_session(unit_of_work, user) for _ in range(RACERS)]

        async def end_and_read(session: Session) -> bool:
            await _end(unit_of_work, session)
            async with unit_of_work() as uow:
                state = await uow.sessions.state(session.id, now())
            return state is not None and state.session.ended_at is None

        assert [False] * RACERS == await asyncio.gather(*map(end_and_read, sessions))

    async def test_parallel_logins_of_one_user_all_count(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)

        sessions = await asyncio.gather(
            *(stored_session(unit_of_work, user) for _ in range(RACERS))
        )

        async with unit_of_work() as uow:
            state = await uow.sessions.state(sessions[0].id, now())
        assert state is not None
        assert RACERS == state.live_sessions


async def _end(unit_of_work: UnitOfWorkFactory, session: Session) -> bool:
    async with unit_of_work() as uow:
        ending = await uow.sessions.end(session.user_id, session.id, EndReason.LOGOUT, now())
        await uow.commit()
        return ending.ended


async def _end_all(unit_of_work: UnitOfWorkFactory, session: Session) -> list[SessionId]:
    async with unit_of_work() as uow:
        ended = await uow.sessions.end_all(session.user_id, EndReason.REVOKED_ALL, now())
        await uow.commit()
        return ended
