"""How few statements go to the server, and that holding writes back changes nothing else."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres import Database, PostgresUnitOfWork
from auth_core.kernel import ConcurrentUpdate, OrganizationId, Secret
from auth_core.sessions import EndReason
from auth_core.testing.contracts.mail_outbox import new_letter
from auth_core.testing.contracts.making import (
    new_hash,
    new_session,
    new_user,
    now,
    stored_session,
    stored_user,
    user_created,
    user_updated,
)

UnitOfWork = Callable[[], PostgresUnitOfWork]


@pytest.fixture
async def database(service_url: Secret[str]) -> AsyncIterator[Database]:
    """A pool that nothing else uses: services that other tests left running have their own."""
    database = Database(service_url)
    yield database
    await database.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch, database: Database) -> list[str]:
    """The first words of whatever goes to the server through units of work of this database."""
    seen: list[str] = []

    def watch(name: str) -> None:
        original = getattr(asyncpg.Connection, name)

        async def watched(proxy, sql: str, *arguments: object, **options: object) -> object:
            if proxy._holder._pool is database._pool:
                seen.append(sql.split(maxsplit=1)[0])
            return await original(proxy._con, sql, *arguments, **options)

        monkeypatch.setattr(asyncpg.pool.PoolConnectionProxy, name, watched)

    for name in ("execute", "fetchrow", "fetch"):
        watch(name)
    return seen


async def test_a_read_takes_one_round_trip(unit_of_work: UnitOfWork, statements) -> None:
    user = await stored_user(unit_of_work)
    session = await stored_session(unit_of_work, user)
    statements.clear()

    async with unit_of_work() as uow:
        assert await uow.sessions.state(session.id, now()) is not None

    assert ["SELECT"] == statements


@pytest.mark.sec("SEC-56")
async def test_whom_a_statement_is_for_costs_no_round_trip(
    unit_of_work: UnitOfWork, statements
) -> None:
    user = await stored_user(unit_of_work)
    session = await stored_session(unit_of_work, user)
    statements.clear()

    async with unit_of_work().for_organization(OrganizationId(user.id)).for_user(user.id) as uow:
        assert await uow.sessions.state(session.id, now()) is not None
    async with unit_of_work().for_user(user.id) as uow:
        await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())
        await uow.commit()

    assert ["SELECT", "BEGIN", "WITH", "COMMIT"] == statements


async def test_a_letter_costs_its_transaction_no_round_trip(
    unit_of_work: UnitOfWork, statements, observer
) -> None:
    user, letter = await stored_user(unit_of_work), new_letter()
    statements.clear()

    async with unit_of_work() as uow:
        await uow.sessions.add(new_session(user))
        await uow.mail.enqueue(letter)
        await uow.outbox.add([user_created(user.id)])
        await uow.commit()

    assert ["WITH"] == statements
    assert 1 == await observer.fetchval("SELECT count(*) FROM mail_outbox WHERE id=$1", letter.id)


async def test_a_look_for_due_letters_takes_one_round_trip(
    unit_of_work: UnitOfWork, statements
) -> None:
    long_ago = now() - timedelta(days=10_000)
    async with unit_of_work() as uow:
        assert [] == await uow.mail.claim(long_ago, long_ago, 8)

    assert ["SELECT"] == statements


async def test_the_writes_of_a_login_take_one_round_trip(
    unit_of_work: UnitOfWork, statements, observer
) -> None:
    user = await stored_user(unit_of_work)
    session, at = new_session(user), now()
    statements.clear()

    async with unit_of_work() as uow:
        await uow.sessions.add(session)
        await uow.users.record_login(user.id, at, epoch=0)
        await uow.outbox.add([user_created(user.id), user_updated(user.id)])
        await uow.commit()

    assert ["WITH"] == statements
    assert at == await observer.fetchval("SELECT last_login_at FROM users WHERE id = $1", user.id)
    assert 1 == await observer.fetchval("SELECT count(*) FROM sessions WHERE id = $1", session.id)
    assert 2 == await observer.fetchval("SELECT count(*) FROM outbox WHERE user_id = $1", user.id)


@pytest.mark.sec("SEC-07")
async def test_a_password_that_resets_its_failures_and_its_hash_costs_a_login_no_round_trip(
    unit_of_work: UnitOfWork, statements, observer
) -> None:
    user, old, new = await stored_user(unit_of_work), new_hash(), new_hash()
    async with unit_of_work() as uow:
        await uow.credentials.set_password(user.id, old)
        await uow.credentials.record_failure(user.id, now(), limit=9)
        await uow.commit()
    statements.clear()

    async with unit_of_work() as uow:
        await uow.credentials.verified(user.id, seen=old, upgraded=new)
        await uow.sessions.add(new_session(user))
        await uow.users.record_login(user.id, now(), epoch=0)
        await uow.outbox.add([user_created(user.id)])
        await uow.commit()

    assert ["WITH"] == statements
    row = await observer.fetchrow(
        "SELECT password_hash, consecutive_failures FROM password_credentials WHERE user_id = $1",
        user.id,
    )
    assert (new.reveal(), 0) == tuple(row)


@pytest.mark.sec("SEC-01")
async def test_nobodys_failure_takes_the_round_trips_of_somebodys_and_reaches_the_log(
    unit_of_work: UnitOfWork, statements, observer
) -> None:
    """Both commits get a transaction id, so both wait for the write-ahead log."""
    user = await stored_user(unit_of_work)
    async with unit_of_work() as uow:
        await uow.credentials.set_password(user.id, new_hash())
        await uow.commit()
    round_trips, written = [], []
    for user_id in (user.id, None):
        statements.clear()
        async with unit_of_work() as uow:
            failures = await uow.credentials.record_failure(user_id, now(), limit=9)
            row = await uow._entered._connection.fetchrow("SELECT pg_current_xact_id_if_assigned()")
            written.append(row[0] is not None)
            statements.pop()
            if failures:
                await uow.outbox.add([user_updated(user.id)])
            await uow.commit()
        round_trips.append(len(statements))

    assert [4, 4] == round_trips
    assert [True, True] == written


async def test_a_registration_takes_four_round_trips(unit_of_work: UnitOfWork, statements) -> None:
    user = new_user()

    async with unit_of_work() as uow:
        await uow.users.add(user)
        await uow.outbox.add([user_created(user.id)])
        await uow.credentials.set_password(user.id, new_hash())
        await uow.sessions.add(new_session(user))
        await uow.users.record_login(user.id, now(), epoch=0)
        await uow.outbox.add([user_updated(user.id)])
        await uow.commit()

    assert ["BEGIN", "INSERT", "WITH", "COMMIT"] == statements


async def test_a_logout_takes_four_round_trips(unit_of_work: UnitOfWork, statements) -> None:
    user = await stored_user(unit_of_work)
    session = await stored_session(unit_of_work, user)
    statements.clear()

    async with unit_of_work() as uow:
        await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())
        await uow.outbox.add([user_updated(user.id)])
        await uow.commit()

    assert ["BEGIN", "WITH", "INSERT", "COMMIT"] == statements


async def test_a_held_back_write_is_seen_by_the_next_read(unit_of_work: UnitOfWork) -> None:
    user = await stored_user(unit_of_work)
    at = now()
    async with unit_of_work() as uow:
        await uow.users.record_login(user.id, at, epoch=0)

        assert user.signed_in(at) == await uow.users.get(user.id)


async def test_two_writes_to_one_table_are_both_done(unit_of_work: UnitOfWork) -> None:
    user = await stored_user(unit_of_work)
    sessions = [new_session(user), new_session(user)]
    async with unit_of_work() as uow:
        for session in sessions:
            await uow.sessions.add(session)
        await uow.commit()

    async with unit_of_work() as uow:
        state = await uow.sessions.state(sessions[0].id, now())
    assert state is not None
    assert 2 == state.live_sessions


async def test_a_held_back_write_that_fails_takes_the_others_with_it(
    unit_of_work: UnitOfWork, observer
) -> None:
    stranger = new_user()

    async def commit() -> None:
        async with unit_of_work() as uow:
            await uow.outbox.add([user_created(stranger.id)])
            await uow.sessions.add(new_session(stranger))
            await uow.commit()

    with pytest.raises(ConcurrentUpdate):
        await commit()

    assert not await observer.fetchval("SELECT count(*) FROM outbox WHERE user_id=$1", stranger.id)
