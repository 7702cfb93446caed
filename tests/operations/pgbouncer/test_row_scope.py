"""Whom a statement is run for does not leak to others who get the same server process."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import func, literal_column, select

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.statement import Statement
from adapters.postgres.tables import organizations
from auth_core.kernel import OrganizationId, Secret
from auth_core.testing.contracts.organizing import stored_organization
from tests.integration.postgres.conftest import MakeDatabase
from tests.integration.postgres.test_row_scope import (
    _DIVIDE,
    _TOLD_IN_A_TRANSACTION,
    _WITHOUT_PARAMETERS,
    NOBODY,
    told,
)
from tests.operations.pgbouncer.bouncer import PgBouncer, running_pgbouncer
from tests.service_role import as_service, migrate

TENANTS = 40
TURNS = 12

_SEEN = select(func.array_agg(organizations.c.id))
_SEE = Statement(_SEEN)
_SEE_IN_A_TRANSACTION = Statement(_SEEN, writes=True)
_NAP = Statement(select(func.pg_sleep(literal_column("0.002"))))


@pytest.fixture(scope="module")
def narrow(server_url: Secret[str]) -> Iterator[PgBouncer]:
    """A PgBouncer with two server processes for everybody."""
    with running_pgbouncer(server_url.reveal(), size=2) as bouncer:
        yield bouncer


@pytest.fixture(scope="module")
async def workers(narrow: PgBouncer, postgres_url: Secret[str]) -> AsyncIterator[list[Database]]:
    """The pools of two processes."""
    url = Secret(narrow.url(as_service(postgres_url.reveal())))
    patience = {"acquire_timeout": 120.0, "connect_timeout": 60.0, "command_timeout": 60.0}
    pools = [Database(url, pool_size=8, max_overflow=0, **patience) for _ in range(2)]
    yield pools
    for pool in pools:
        await pool.close()


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_many_tenants_race_through_two_server_processes_and_each_sees_itself_alone(
    workers: list[Database],
) -> None:
    tenants = [
        await stored_organization(lambda: PostgresUnitOfWork(workers[0]).for_platform())
        for _ in range(TENANTS)
    ]
    seen: list[tuple[str, object, object]] = []

    def new(index: int) -> PostgresUnitOfWork:
        return PostgresUnitOfWork(workers[index % 2])

    async def see(how: str, uow: PostgresUnitOfWork, wanted: object, statement: Statement) -> None:
        row = await uow._entered.row(statement)
        assert row is not None
        seen.append((how, wanted, row[0]))

    async def be(tenant: OrganizationId, index: int) -> None:
        chance = random.Random(index)
        for turn in range(TURNS):
            own, how = [tenant], chance.choice(("alone", "commit", "abort", "fail", "leave"))
            async with new(turn + index) as nobody:
                await see(f"nobody after {how}", nobody, None, _SEE)
            if how == "fail":
                with suppress(asyncpg.DivisionByZeroError):
                    async with new(turn).for_organization(tenant) as uow:
                        await see(how, uow, own, _SEE_IN_A_TRANSACTION)
                        await uow._entered.row(_DIVIDE, by=0)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(chance.random() / 50 if how == "leave" else None):
                    async with new(turn).for_organization(tenant) as uow:
                        await see(how, uow, own, _SEE if how == "alone" else _SEE_IN_A_TRANSACTION)
                        await uow._entered.row(_NAP)
                        await see(how, uow, own, _SEE)
                        if how == "commit":
                            await uow.commit()
                            await see("after the commit", uow, own, _SEE)

    await asyncio.gather(*(be(tenant.id, index) for index, tenant in enumerate(tenants)))

    assert len(seen) > TENANTS * TURNS
    assert [] == [each for each in seen if each[1] != each[2]]


async def test_what_somebody_left_in_a_server_process_is_not_ours(
    make_database: MakeDatabase,
) -> None:
    """A pooler's clients share sessions: one that has set our settings for good is no danger."""
    owner = await make_database()
    await asyncio.to_thread(migrate, owner)
    with running_pgbouncer(owner.reveal(), size=1) as bouncer:
        url = bouncer.url(as_service(owner.reveal()))
        stranger = await asyncpg.connect(url, statement_cache_size=0)
        for name, value in (("scope", "platform"), ("tenant", str(uuid4()))):
            await stranger.execute("SELECT set_config($1, $2, false)", f"fm_auth.{name}", value)
        database = Database(Secret(url))
        try:
            left = await stranger.fetchval("SELECT current_setting('fm_auth.scope')")
            async with PostgresUnitOfWork(database) as uow:
                assert ("platform", NOBODY) == (left, await told(uow))
                assert NOBODY == await told(uow, _TOLD_IN_A_TRANSACTION)
                await uow.commit()
                assert NOBODY == await told(uow, _WITHOUT_PARAMETERS)
        finally:
            await stranger.close()
            await database.close()


async def test_a_statement_is_described_once_and_has_no_name(workers: list[Database]) -> None:
    """Known to the driver, so that it takes one round trip; unknown to the server's next client."""
    pool = workers[0]
    async with PostgresUnitOfWork(pool) as uow:
        for _ in range(3):
            await uow._entered.row(_SEE)
        kept = [each.name for each in uow._entered._connection._stmt_cache.iter_statements()]
        assert {""} == set(kept)
        count = await uow._entered._connection.fetchval(
            "SELECT count(*) FROM pg_prepared_statements"
        )
        assert 0 == count
