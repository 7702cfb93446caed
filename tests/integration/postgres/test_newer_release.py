"""Rows that a newer release wrote on the same schema, while nodes of this one still run."""

from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres import Database, PostgresRefreshCounter, PostgresUnitOfWork
from auth_core.sessions import EndReason, ReuseReport
from auth_core.testing.contracts.making import now, stored_session, stored_user

UnitOfWork = Callable[[], PostgresUnitOfWork]


@pytest.mark.sec("SEC-29", "SEC-72")
async def test_a_session_that_ended_for_a_reason_of_the_future_has_ended(
    unit_of_work: UnitOfWork, database: Database, observer: asyncpg.Connection
) -> None:
    user = await stored_user(unit_of_work)
    session = await stored_session(unit_of_work, user)
    at = now()
    await observer.execute(
        "UPDATE sessions SET ended_at = $1, end_reason = 'eaten_by_a_grue' WHERE id = $2",
        at,
        session.id,
    )

    async with unit_of_work() as uow:
        state = await uow.sessions.state(session.id, at)
        live = await uow.sessions.live_of(user.id, at)
        ended = await uow.sessions.ended_since(at)
    advanced = await PostgresRefreshCounter(database).advance(
        user.id,
        session.id,
        0,
        client_id=None,
        now=at,
        idle_lifetime=timedelta(hours=1),
        window=timedelta(seconds=10),
    )
    async with unit_of_work() as uow:
        report = await uow.sessions.report_reuse(session.id, at)
        await uow.commit()

    assert state is not None
    assert EndReason.UNKNOWN is state.session.end_reason
    assert not state.admits(at)
    assert (None, []) == (advanced, live)
    assert session.id in {one.session_id for one in ended}
    assert ReuseReport(was_live=False) == report
    written = "SELECT end_reason FROM sessions WHERE id = $1"
    assert "eaten_by_a_grue" == await observer.fetchval(written, session.id)
