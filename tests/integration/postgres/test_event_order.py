"""In which order events of one subject are numbered, whoever writes at once (SEC-65)."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from adapters.postgres import Database, PostgresUnitOfWork, migrate
from adapters.postgres.url import dsn
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.kernel import Secret, UserId
from auth_core.testing import InMemoryPublisher, ManualClock
from auth_core.testing.contracts.event_publisher import SOURCE, new_event
from auth_core.testing.contracts.making import stored_user
from auth_core.users import User
from tests.integration.postgres.conftest import VAULT, MakeDatabase

UnitOfWork = Callable[[], PostgresUnitOfWork]


@pytest.fixture(scope="module")
async def url(make_database: MakeDatabase) -> Secret[str]:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture(scope="module")
async def own_database(url: Secret[str]) -> AsyncIterator[Database]:
    database = Database(url, pool_size=20, max_overflow=10)
    yield database
    await database.close()


@pytest.fixture
def unit_of_work(own_database: Database) -> UnitOfWork:
    return lambda: PostgresUnitOfWork(own_database, VAULT)


@pytest.fixture
async def observer(url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn(url))
    yield connection
    await connection.close()


def relay_of(unit_of_work: UnitOfWork, publisher: InMemoryPublisher, batch: int = 7) -> EventRelay:
    policy = EventRelayPolicy(batch=batch)
    return EventRelay(unit_of_work, publisher, SOURCE, ManualClock(), policy)


async def until_somebody_waits(observer: asyncpg.Connection) -> None:
    asked = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    async with asyncio.timeout(20):
        while not await observer.fetchval(asked):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)


@pytest.mark.sec("SEC-65")
async def test_a_change_that_waits_for_another_one_is_numbered_after_it(
    unit_of_work: UnitOfWork, observer: asyncpg.Connection
) -> None:
    """Even where the waiting write and its event leave in one statement (`combined`)."""
    user = await stored_user(unit_of_work)
    first, second = new_event(user.id), new_event(user.id)

    async def change_second() -> None:
        async with unit_of_work() as uow:
            await uow.users.begin_epoch(user.id)  # deferred: nothing is sent yet
            await uow.outbox.add([second])
            await uow.commit()

    async with unit_of_work() as uow:
        await uow.users.begin_epoch(user.id)
        await uow.users.get(user.id)  # sends what was deferred: the row is held from here on
        waiting = asyncio.create_task(change_second())
        await until_somebody_waits(observer)
        await uow.outbox.add([first])
        await uow.commit()
    await waiting

    rows = await observer.fetch(
        "SELECT id FROM outbox WHERE user_id = $1 ORDER BY position", user.id
    )
    assert [first.id, second.id] == [row[0] for row in rows]


@pytest.mark.sec("SEC-65")
async def test_many_writers_and_relays_lose_nothing_and_keep_the_order_of_each_subject(
    unit_of_work: UnitOfWork,
) -> None:
    """Each writer holds the row of its user, so that the order of its events is known."""
    users = [await stored_user(unit_of_work) for _ in range(4)]
    committed: dict[UserId, list[str]] = {user.id: [] for user in users}
    undone: set[str] = set()
    publisher, over = InMemoryPublisher(), asyncio.Event()

    async def write(user: User, rounds: int) -> None:
        for number in range(rounds):
            events = [new_event(user.id) for _ in range(1 + number % 3)]
            async with unit_of_work() as uow:
                await uow.users.begin_epoch(user.id)
                await uow.users.get(user.id)
                await uow.outbox.add(events)
                if number % 4 == 3:
                    undone.update(str(event.id) for event in events)
                    continue
                committed[user.id] += [str(event.id) for event in events]
                await uow.commit()

    async def relay() -> None:
        mine = relay_of(unit_of_work, publisher)
        while not over.is_set():
            await mine.run()
            await asyncio.sleep(0)

    relays = [asyncio.create_task(relay()) for _ in range(3)]
    try:
        await asyncio.gather(*(write(user, 20) for user in users for _ in range(3)))
    finally:
        over.set()
        await asyncio.gather(*relays)
    while await relay_of(unit_of_work, publisher).run():
        pass

    published = [event.id for event in publisher.published]
    assert len(set(published)) == len(published)
    assert set() == undone & set(published)
    for user_id, expected in committed.items():
        assert expected == [
            event.id for event in publisher.published if event.subject == str(user_id)
        ]
    numbers = [event.sequence for event in publisher.published]
    assert sorted(set(numbers)) == numbers


@pytest.mark.sec("SEC-65")
async def test_an_event_that_is_committed_late_is_not_passed_over(
    unit_of_work: UnitOfWork,
) -> None:
    """It has the smaller position, and those behind it have gone already."""
    publisher, late, early = InMemoryPublisher(), new_event(), new_event()
    async with unit_of_work() as slow:
        await slow.outbox.add([late])
        await slow.outbox.write_to(slow._entered)
        await slow.users.get(UserId(late.id))  # sends what was deferred
        async with unit_of_work() as uow:
            await uow.outbox.add([early])
            await uow.commit()
        await relay_of(unit_of_work, publisher).run()
        await slow.commit()
    await relay_of(unit_of_work, publisher).run()

    ids = [event.id for event in publisher.published]
    assert [str(early.id), str(late.id)] == ids[-2:]


async def test_who_hangs_while_it_has_the_turn_loses_it(
    unit_of_work: UnitOfWork, observer: asyncpg.Connection
) -> None:
    async with unit_of_work() as uow:
        await uow.event_log.turn("hangs")
        [(limit,)] = await uow._entered._connection.fetch(
            "SHOW idle_in_transaction_session_timeout"
        )

    assert "30s" == limit
    assert "0" == await observer.fetchval("SHOW idle_in_transaction_session_timeout")
