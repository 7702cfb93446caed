"""The contract of `SessionRepository`: expiry, reuse and the list of live sessions."""

import asyncio
from datetime import datetime, timedelta

import pytest

from auth_core.kernel import SessionId
from auth_core.sessions import EndReason, ReuseReport, Session, SessionOrigin
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_session,
    stored_user,
)

TICK = timedelta(microseconds=1)


class SessionDamageContract:
    """The part of `SessionRepositoryContract` about what nobody asked for."""

    @pytest.mark.sec("SEC-50")
    async def test_a_session_is_marked_expired_once_and_not_before_its_time(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        session = await stored_session(unit_of_work, await stored_user(unit_of_work))
        end = session.expires_at

        assert not await _expire(unit_of_work, session, at=end - TICK)
        assert [False] * (RACERS - 1) + [True] == sorted(
            await asyncio.gather(*(_expire(unit_of_work, session, at=end) for _ in range(RACERS)))
        )
        stored = await _stored(unit_of_work, session)
        assert (end, EndReason.EXPIRED) == (stored.ended_at, stored.end_reason)

    async def test_an_expired_session_is_no_revocation(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        session = await stored_session(unit_of_work, await stored_user(unit_of_work))
        await _expire(unit_of_work, session, at=session.expires_at)

        async with unit_of_work() as uow:
            reported = await uow.sessions.ended_since(session.expires_at - TICK)

        assert session.id not in {one.session_id for one in reported}

    @pytest.mark.sec("SEC-30")
    async def test_a_reuse_ends_the_session_and_is_reported_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        session = await stored_session(unit_of_work, await stored_user(unit_of_work))

        reports = await asyncio.gather(*(_report(unit_of_work, session) for _ in range(RACERS)))

        assert [ReuseReport(was_live=True)] == [report for report in reports if report]
        stored = await _stored(unit_of_work, session)
        assert EndReason.REUSE_DETECTED is stored.end_reason
        assert stored.ended_at == stored.reuse_detected_at is not None

    @pytest.mark.sec("SEC-30")
    async def test_a_reuse_after_the_end_keeps_the_end_and_is_reported_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        at = now()
        async with unit_of_work() as uow:
            await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, at)
            await uow.commit()

        assert ReuseReport(was_live=False) == await _report(unit_of_work, session)
        assert None is await _report(unit_of_work, session)
        stored = await _stored(unit_of_work, session)
        assert (at, EndReason.LOGOUT) == (stored.ended_at, stored.end_reason)
        assert stored.reuse_detected_at is not None

    async def test_what_was_not_committed_was_not_reported(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        session = await stored_session(unit_of_work, await stored_user(unit_of_work))
        async with unit_of_work() as uow:
            await uow.sessions.report_reuse(session.id, now())

        assert ReuseReport(was_live=True) == await _report(unit_of_work, session)

    async def test_there_is_nothing_to_report_of_an_unknown_session(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        async with unit_of_work() as uow:
            assert None is await uow.sessions.report_reuse(SessionId(fresh_id()), now())
            assert not await uow.sessions.expire(SessionId(fresh_id()), now())

    async def test_live_sessions_are_listed_youngest_first_and_by_pages(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        origin = SessionOrigin(client_id="c", user_agent="Firefox", ip_address="192.0.2.0/24")
        ids = [SessionId(fresh_id(at + timedelta(milliseconds=step))) for step in range(5)]
        for session_id in ids:
            await stored_session(unit_of_work, user, id=session_id, origin=origin)
        await stored_session(unit_of_work, other)
        await stored_session(unit_of_work, user, expires_at=at)
        await _report(unit_of_work, await stored_session(unit_of_work, user))

        async with unit_of_work() as uow:
            first = await uow.sessions.live_of(user.id, at, limit=3)
            second = await uow.sessions.live_of(user.id, at, after=first[-1].id, limit=3)

        assert ids[::-1] == [session.id for session in (*first, *second)]
        assert {origin} == {session.origin for session in first}

    async def test_ending_everything_can_keep_one(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        kept, ended = [await stored_session(unit_of_work, user) for _ in range(2)]

        async with unit_of_work() as uow:
            found = await uow.sessions.end_all(user.id, EndReason.REVOKED, now(), keep=kept.id)
            await uow.commit()

        assert [ended.id] == found
        assert None is (await _stored(unit_of_work, kept)).ended_at


async def _stored(unit_of_work: UnitOfWorkFactory, session: Session) -> Session:
    async with unit_of_work() as uow:
        state = await uow.sessions.state(session.id, now())
    assert state is not None
    return state.session


async def _expire(unit_of_work: UnitOfWorkFactory, session: Session, *, at: datetime) -> bool:
    async with unit_of_work() as uow:
        expired = await uow.sessions.expire(session.id, at)
        await uow.commit()
    return expired


async def _report(unit_of_work: UnitOfWorkFactory, session: Session) -> ReuseReport | None:
    async with unit_of_work() as uow:
        report = await uow.sessions.report_reuse(session.id, now())
        await uow.commit()
    return report
