"""`kill -9` of the relay at every step, with real processes (SEC-65)."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.postgres import Database, PostgresUnitOfWork, migrate
from adapters.redis import EVENT_STREAM
from auth_core.kernel import UserId
from auth_core.testing.contracts.event_publisher import new_event
from auth_core.testing.contracts.making import fresh_id
from tests.integration.postgres.conftest import VAULT, MakeDatabase
from tests.integration.redis.valkey_process import ValkeyProcess

PROGRAM = Path(__file__).parents[1] / "killed_relay.py"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def own_valkey() -> Iterator[ValkeyProcess]:
    # not tmp_path: the path of a unix socket has at most 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="fmv", dir="/tmp"))
    process = ValkeyProcess(folder)
    try:
        process.start()
        yield process
    finally:
        process.kill()
        shutil.rmtree(folder)


async def run(step: str, *arguments: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), step, *arguments, env={"PYTHONPATH": str(ROOT)}
    )
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.sec("SEC-65")
@pytest.mark.parametrize("step", ["claimed", "published", "marked", "committed"])
async def test_a_relay_that_is_killed_loses_nothing_and_keeps_the_order(
    make_database: MakeDatabase, own_valkey: ValkeyProcess, step: str
) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    users = [UserId(fresh_id()) for _ in range(3)]
    committed, undone = [], []
    for number in range(17):
        event = new_event(users[number % 3])
        async with PostgresUnitOfWork(database, VAULT) as uow:
            await uow.outbox.add([event])
            if number % 4 == 3:
                undone.append(str(event.id))
                continue
            await uow.commit()
        committed.append(str(event.id))
    await database.close()

    servers = (url.reveal(), own_valkey.url)
    for batch in ("1", "2"):  # in the first batch, and in one behind it
        assert -9 == await run(step, *servers, batch)
    assert 0 == await run("none", *servers, "0")

    async with Redis.from_url(own_valkey.url) as client:
        entries = await client.xrange(EVENT_STREAM)
    published = [fields[b"id"].decode() for _, fields in entries]
    assert committed == list(dict.fromkeys(published))
    assert set() == set(undone) & set(published)
    again = len(published) - len(committed)
    assert (again > 0) is (step in {"published", "marked"})
