"""What the unit of work does beyond its contract: cancellation, time limits, a full pool."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, func, insert, select

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.statement import Statement
from adapters.postgres.tables import password_credentials
from adapters.postgres.transaction import Transaction
from auth_core.kernel import Secret, Unavailable
from auth_core.testing.contracts.making import (
    fresh_id,
    new_session,
    new_user,
    now,
    stored_user,
    user_created,
    user_updated,
)
from auth_core.users import UserStatus

UnitOfWork = Callable[[], PostgresUnitOfWork]

SLEEP = Statement(select(func.pg_sleep(bindparam("seconds", type_=Integer))))
ADD_PASSWORD = Statement(
    insert(password_credentials).values(
        {name: bindparam(name) for name in ("user_id", "password_hash", "updated_at")}
    )
)


@pytest.fixture
async def narrow(service_url: Secret[str]) -> AsyncIterator[Database]:
    """A pool of one connection, whose patience a test may shorten."""
    database = Database(
        service_url, pool_size=1, max_overflow=0, acquire_timeout=60, command_timeout=60
    )
    yield database
    await database.close()


async def backend(database: Database) -> tuple[int, bool]:
    """The server process behind the only connection, and whether it is in a transaction."""
    connection = await database.acquire()
    try:
        return connection.get_server_pid(), connection.is_in_transaction()
    finally:
        await database.release(connection, seconds=1)


async def test_events_are_stored_with_their_whole_payload(
    unit_of_work: UnitOfWork, observer
) -> None:
    event = user_updated((await stored_user(unit_of_work)).id)
    async with unit_of_work() as uow:
        await uow.outbox.add([event])
        await uow.commit()

    row = await observer.fetchrow(
        "SELECT *, payload->'fields' AS f FROM outbox WHERE id=$1", event.id
    )
    assert ("user.updated", event.user_id, event.occurred_at, '["display_name"]') == (
        row["type"],
        row["user_id"],
        row["occurred_at"],
        row["f"],
    )


async def until_asleep(observer: asyncpg.Connection, pid: int) -> None:
    sleeping = (
        "SELECT true FROM pg_stat_activity"
        " WHERE pid = $1 AND query LIKE '%sleep%' AND state = 'active'"
    )
    async with asyncio.timeout(60):
        while not await observer.fetchval(sleeping, pid):  # noqa: ASYNC110 - the server's event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_a_query_that_is_cancelled_is_stopped_and_leaves_a_clean_connection(
    narrow: Database, observer, monkeypatch, *, in_transaction: bool
) -> None:
    # a busy machine may take longer than a second, and then the connection is cut off instead
    monkeypatch.setattr("adapters.postgres.transaction._CLEAN_UP_SECONDS", 60)
    pid, _ = await backend(narrow)
    user = new_user()

    async def hang() -> None:
        async with PostgresUnitOfWork(narrow) as uow:
            if in_transaction:
                await uow.users.add(user)
            await uow._entered.row(SLEEP, seconds=30)

    hanging = asyncio.create_task(hang())
    await until_asleep(observer, pid)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging

    assert (pid, False) == await backend(narrow)
    assert not await observer.fetchval("SELECT count(*) FROM users WHERE id = $1", user.id)
    assert "idle" == await observer.fetchval("SELECT state FROM pg_stat_activity WHERE pid=$1", pid)


async def test_cancelled_at_every_step_no_connection_stays_in_a_transaction(
    narrow: Database, observer
) -> None:
    """Whatever the task was waiting for, also when it is cancelled again while it cleans up."""
    await backend(narrow)

    async def work() -> None:
        async with PostgresUnitOfWork(narrow) as uow:
            user = new_user()
            await uow.users.add(user)
            await uow.sessions.add(new_session(user))
            await uow.outbox.add([user_created(user.id)])
            await uow.commit()

    for step in range(60):
        task = asyncio.create_task(work())
        for _ in range(step):
            await asyncio.sleep(0)
        for _ in range(1 + step % 3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])

        _, in_transaction = await backend(narrow)
        assert not in_transaction

    assert narrow._pool.get_size() == 1
    assert not await observer.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        " AND datname = current_database()"
    )


async def test_a_query_that_takes_too_long_is_unavailable_and_stopped(
    narrow: Database, observer, monkeypatch
) -> None:
    monkeypatch.setattr("adapters.postgres.transaction._CLEAN_UP_SECONDS", 60)
    narrow._command_timeout = 2
    pid, _ = await backend(narrow)

    with pytest.raises(Unavailable) as unavailable:
        async with PostgresUnitOfWork(narrow) as uow:
            await uow._entered.row(SLEEP, seconds=250)

    assert Unavailable.default_message == unavailable.value.message
    assert 1 == unavailable.value.retry_after
    assert (pid, False) == await backend(narrow)


@pytest.mark.sec("SEC-72")
async def test_a_full_pool_is_unavailable_in_time(narrow: Database) -> None:
    loop = asyncio.get_running_loop()
    async with PostgresUnitOfWork(narrow):
        narrow._acquire_timeout = 0.3
        started = loop.time()
        with pytest.raises(Unavailable):
            async with PostgresUnitOfWork(narrow):
                pass
        assert loop.time() - started < 30
        narrow._acquire_timeout = 60

    assert not (await backend(narrow))[1]


async def test_no_connection_is_lost_in_a_crowd(narrow: Database) -> None:
    """One connection serves many, whatever becomes of each of them."""

    async def work(number: int) -> None:
        async with PostgresUnitOfWork(narrow) as uow:
            await uow.users.add(new_user())
            if number % 3 == 0:
                raise RuntimeError
            if number % 3 == 1:
                await uow.commit()

    outcomes = await asyncio.gather(*(work(number) for number in range(60)), return_exceptions=True)

    assert 20 == sum(isinstance(outcome, RuntimeError) for outcome in outcomes)
    assert (1, 1) == (narrow._pool.get_size(), narrow._pool.get_idle_size())


@pytest.mark.sec("SEC-72")
async def test_a_database_that_only_reads_refuses_writes_and_serves_reads(
    database: Database, unit_of_work: UnitOfWork, observer
) -> None:
    user = await stored_user(unit_of_work)
    transaction = Transaction(database, await database.acquire())
    try:
        await transaction._execute("SET default_transaction_read_only = on")
        with pytest.raises(Unavailable):
            await transaction.write(
                ADD_PASSWORD,
                user_id=user.id,
                password_hash="x",
                updated_at=now(),
            )
    finally:
        transaction._connection.terminate()
        await transaction.end()


async def test_a_programming_error_stays_one_and_keeps_the_row_to_itself(
    unit_of_work: UnitOfWork,
) -> None:
    """PostgreSQL quotes the failing row, which may hold a password hash (SEC-67)."""
    user = await stored_user(unit_of_work, status=UserStatus.ACTIVE)

    with pytest.raises(asyncpg.NotNullViolationError) as error:
        async with unit_of_work() as uow:
            await uow._entered.write(
                ADD_PASSWORD,
                user_id=user.id,
                password_hash="canary",
                updated_at=None,
            )

    assert "canary" not in str(error.value)


async def test_a_unit_of_work_is_used_in_its_block(unit_of_work: UnitOfWork) -> None:
    uow = unit_of_work()

    with pytest.raises(RuntimeError, match="async with"):
        await uow.users.get(fresh_id())
