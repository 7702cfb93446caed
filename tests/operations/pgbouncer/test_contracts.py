"""The contract suites of the core's ports on PostgreSQL, through PgBouncer in transaction mode."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.postgres import Database, migrate
from auth_core.kernel import Secret
from auth_core.testing.contracts.making import RACERS
from tests.integration.postgres import test_contracts as direct
from tests.integration.postgres.conftest import MakeDatabase
from tests.operations.pgbouncer.bouncer import running_pgbouncer

recorded_events = direct.recorded_events
globals().update({name: each for name, each in vars(direct).items() if name.startswith("Test")})


@pytest.fixture(scope="module")
async def own_database(make_database: MakeDatabase) -> AsyncIterator[Database]:
    """One that may be swept empty; its suite has racers who all hold a transaction at once."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    with running_pgbouncer(url.reveal(), size=RACERS) as roomy:
        database = Database(Secret(roomy.url(url.reveal())), pool_size=10, max_overflow=10)
        yield database
        await database.close()
