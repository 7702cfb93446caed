"""Whom a statement is run for travels with it, and goes no further than it or its transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Integer, Text

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.statement import Statement
from auth_core.kernel import Secret, Unavailable

NOBODY = ("", "", "")
PLATFORM = ("", "", "platform")


def _setting(name: str):
    return func.coalesce(
        func.current_setting(literal_column(f"'fm_auth.{name}'"), literal_column("true")),
        literal_column("''"),
    )


_settings = tuple(map(_setting, ("tenant", "user", "scope")))
_asked = cast(bindparam("asked"), Text)
_TOLD = Statement(select(*_settings, _asked))
_TOLD_IN_A_TRANSACTION = Statement(select(*_settings, _asked), writes=True)
_TOLD_ACROSS = Statement(select(*_settings, _asked), crosses_tenants=True)
_WITHOUT_PARAMETERS = Statement(select(*_settings))
_NOT_CACHED = Statement(select(*_settings, _asked, literal_column(f"'{'x' * 16_000}'")))
_DIVIDE = Statement(select(literal_column("1") / cast(bindparam("by"), Integer)))
_NUMBERS = Statement(select(func.cardinality(cast(bindparam("numbers"), ARRAY(Integer)))))
_SLEEP = Statement(select(func.pg_sleep(cast(bindparam("seconds"), Integer))))

UnitOfWork = Callable[[], PostgresUnitOfWork]
End = Callable[[PostgresUnitOfWork], Awaitable[None]] | None


@pytest.fixture
async def database(service_url: Secret[str]) -> AsyncIterator[Database]:
    """One connection, so that the next unit of work gets the one that the last has left."""
    database = Database(service_url, pool_size=1, max_overflow=0, command_timeout=1)
    yield database
    await database.close()


async def told(uow: PostgresUnitOfWork, statement: Statement = _TOLD) -> tuple[str, ...]:
    """What the policies would see."""
    row = await uow._entered.row(statement, **({"asked": "?"} if statement.names else {}))
    return tuple(row)[:3]


async def test_a_unit_of_work_for_nobody_is_for_nobody(unit_of_work: UnitOfWork) -> None:
    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


@pytest.mark.parametrize(
    "statement", [_TOLD, _TOLD_IN_A_TRANSACTION, _WITHOUT_PARAMETERS, _NOT_CACHED]
)
async def test_each_statement_is_for_whom_the_unit_of_work_is_for(
    unit_of_work: UnitOfWork, statement: Statement
) -> None:
    tenant, other, user = uuid4(), uuid4(), uuid4()

    async with unit_of_work().for_organization(tenant) as uow:
        assert (str(tenant), "", "") == await told(uow, statement)
        assert (str(tenant), "", "") == await told(uow, statement)
        assert (str(tenant), str(user), "") == await told(uow.for_user(user), statement)
        assert (str(other), str(user), "") == await told(uow.for_organization(other), statement)
        assert PLATFORM == await told(uow, _TOLD_ACROSS)
        assert (str(other), str(user), "") == await told(uow, statement)
        whole = (str(other), str(user), "platform")
        assert whole == await told(uow.for_platform(), statement)


@pytest.mark.parametrize("statement", [_TOLD, _TOLD_IN_A_TRANSACTION])
@pytest.mark.parametrize("end", [PostgresUnitOfWork.commit, None])
async def test_the_next_one_on_the_connection_learns_nothing(
    unit_of_work: UnitOfWork, statement: Statement, end: End
) -> None:
    async with unit_of_work().for_organization(uuid4()).for_user(uuid4()).for_platform() as uow:
        await told(uow, statement)
        if end is not None:
            await end(uow)

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_an_error_of_the_servers(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with unit_of_work().for_organization(uuid4()) as uow:
            await uow._entered.row(_DIVIDE, by=0)

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_arguments_that_cannot_be_sent(unit_of_work: UnitOfWork) -> None:
    """What was sent ahead of them waits in the server: that connection is cut off."""
    with pytest.raises(Exception, match="input for query argument"):
        async with unit_of_work().for_organization(uuid4()) as uow:
            await uow._entered.row(_NUMBERS, numbers=["not a number"])

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_a_statement_that_was_never_made(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(TypeError):
        async with unit_of_work().for_organization(uuid4()) as uow:
            await uow._entered.row(_TOLD)

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_a_timeout(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(Unavailable):
        async with unit_of_work().for_organization(uuid4()) as uow:
            await uow._entered.row(_SLEEP, seconds=60)

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_a_cancellation(unit_of_work: UnitOfWork, observer) -> None:
    async def sleep() -> None:
        async with unit_of_work().for_organization(uuid4()) as uow:
            await told(uow)
            await uow._entered.row(_SLEEP, seconds=60)

    task = asyncio.create_task(sleep())
    await _until_sleeping(observer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def test_nor_does_it_after_a_kill(unit_of_work: UnitOfWork, observer) -> None:
    async def sleep() -> None:
        async with unit_of_work().for_organization(uuid4()) as uow:
            await uow._entered.row(_SLEEP, seconds=60)

    task = asyncio.create_task(sleep())
    pid = await _until_sleeping(observer)
    await observer.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(Unavailable):
        await task

    async with unit_of_work() as uow:
        assert NOBODY == await told(uow)


async def _until_sleeping(observer: asyncpg.Connection) -> int:
    query = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event = 'PgSleep'"
    )
    async with asyncio.timeout(30):
        while True:
            if (pid := await observer.fetchval(query)) is not None:
                return pid
            await asyncio.sleep(0.01)
