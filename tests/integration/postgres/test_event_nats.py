"""The relay to a nats-server that is killed while it works (SEC-65)."""

import asyncio
from datetime import timedelta

import pytest

from adapters.nats import NatsEventStream, event_stream
from adapters.postgres import Database, PostgresUnitOfWork, migrate
from adapters.system import SystemClock
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.kernel import Secret, UserId
from auth_core.testing.contracts.event_publisher import SOURCE, new_event
from auth_core.testing.contracts.making import fresh_id
from tests.integration.postgres.conftest import VAULT, MakeDatabase
from tests.nats_server import running_nats

POLICY = EventRelayPolicy(batch=7, longest_pause=timedelta(milliseconds=20))


@pytest.mark.sec("SEC-65")
async def test_a_nats_server_that_is_killed_meanwhile_loses_nothing_and_keeps_the_order(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "_ANSWER_SECONDS", 1.0)
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    database = Database(url)

    def unit_of_work() -> PostgresUnitOfWork:
        return PostgresUnitOfWork(database, VAULT)

    users = [UserId(fresh_id()) for _ in range(3)]
    committed: list[str] = []
    undone: set[str] = set()

    async def write(count: int) -> None:
        for number in range(count):
            event = new_event(users[number % 3])
            async with unit_of_work() as uow:
                await uow.outbox.add([event])
                if number % 5 == 4:
                    undone.add(str(event.id))
                    continue
                await uow.commit()
            committed.append(str(event.id))

    async with running_nats() as server:
        publisher = NatsEventStream(Secret(server.url), stream="E", max_length=100_000)
        relay = EventRelay(unit_of_work, publisher, SOURCE, SystemClock(), POLICY)

        async def keep_relaying() -> None:
            while True:
                await relay.run()
                await asyncio.sleep(0.005)

        relaying = asyncio.create_task(keep_relaying())
        for _ in range(3):
            await write(40)
            server.kill()  # wherever the relay is
            await write(10)
            await server.start()
        async with asyncio.timeout(120):
            while (await relay.backlog()).depth:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.05)
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        await publisher.close()
        stored = await server.stored("E")
    await database.close()

    assert set(committed) == {event.id for event in stored}
    assert not undone & {event.id for event in stored}
    for user in users:
        mine = dict.fromkeys(event.id for event in stored if event.subject == str(user))
        assert [each for each in committed if each in mine] == list(mine)
