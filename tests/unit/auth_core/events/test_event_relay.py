"""The relay: at least once, in order, whatever fails and wherever it is cut off (SEC-65)."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from auth_core.events import EventRelay, EventRelayPolicy, Events, PublishingFailed
from auth_core.kernel import Unavailable, UserId
from auth_core.testing import (
    InMemoryPublisher,
    InMemoryStore,
    InMemoryUnitOfWork,
    ManualClock,
)
from auth_core.testing.contracts.event_publisher import SOURCE, new_event
from auth_core.testing.contracts.making import fresh_id


@pytest.fixture
def store():
    return InMemoryStore()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def publisher():
    return InMemoryPublisher()


@pytest.fixture
def make_relay(store, clock):
    def make(publisher, batch=4):
        return EventRelay(
            lambda: InMemoryUnitOfWork(store),
            publisher,
            SOURCE,
            clock,
            EventRelayPolicy(batch=batch),
        )

    return make


@pytest.fixture
def relay(make_relay, publisher):
    return make_relay(publisher)


async def record(store, *events):
    async with InMemoryUnitOfWork(store) as uow:
        await uow.outbox.add(events)
        await uow.commit()


async def recorded(store, count, user_id=None):
    events = [new_event(user_id) for _ in range(count)]
    for event in events:
        await record(store, event)
    return [str(event.id) for event in events]


def ids(publisher):
    return [event.id for event in publisher.published]


async def test_all_that_is_committed_is_published_in_order_and_once(store, relay, publisher):
    expected = await recorded(store, 11)

    assert [11, 0] == [await relay.run() for _ in range(2)]

    assert expected == ids(publisher)
    expected += await recorded(store, 1)
    assert 1 == await relay.run()
    assert expected == ids(publisher)


async def test_to_know_that_there_is_nothing_takes_one_statement(store, relay):
    await recorded(store, 1)
    await relay.run()
    statements = []
    store.on_statement = statements.append

    assert 0 == await relay.run()

    assert ["event_log.waiting"] == statements


@pytest.mark.sec("SEC-65")
async def test_nothing_that_was_rolled_back_is_published(store, relay, publisher):
    async with InMemoryUnitOfWork(store) as uow:
        await uow.outbox.add([new_event()])

    assert 0 == await relay.run()
    assert [] == ids(publisher)


@pytest.mark.sec("SEC-65")
async def test_a_publisher_that_fails_half_way_gets_all_of_it_again(store, relay, publisher, clock):
    expected = await recorded(store, 6)
    publisher.failing = lambda event: "stream_full" if event.id == expected[2] else None

    assert 0 == await relay.run()
    assert ("stream_full", "") == (relay.problem, relay.advice)
    publisher.failing = lambda _: None
    clock.advance(timedelta(seconds=1))
    assert 6 == await relay.run()

    assert [*expected[:2], *expected] == ids(publisher)
    assert "" == relay.problem


async def test_a_publisher_that_fails_is_left_alone_for_longer_and_longer(
    store, relay, publisher, clock
):
    await recorded(store, 1)
    tried = []
    publisher.failing = lambda _: tried.append(clock.now()) or "down"

    for _ in range(1200):
        await relay.run()
        clock.advance(timedelta(milliseconds=100))

    pauses = [(b - a).total_seconds() for a, b in pairwise(tried)]
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses[:8]


async def test_a_fault_of_a_publisher_is_a_failure_like_any_other(store, relay, publisher, clock):
    await recorded(store, 1)

    def fail(_):
        raise ZeroDivisionError

    publisher.failing = fail
    assert 0 == await relay.run()
    assert "error_ZeroDivisionError" == relay.problem
    publisher.failing = lambda _: None
    clock.advance(timedelta(seconds=1))
    assert 1 == await relay.run()


async def test_one_publisher_that_is_down_keeps_no_other_waiting(store, make_relay):
    up, down = InMemoryPublisher("up"), InMemoryPublisher("down")
    down.failing = lambda _: "down"
    expected = await recorded(store, 6)

    assert [0, 6] == [await make_relay(each).run() for each in (down, up)]

    assert expected == ids(up)
    assert [] == ids(down)


@pytest.mark.sec("SEC-65")
async def test_of_many_relays_at_once_each_event_is_published_by_one(store, make_relay, publisher):
    user_id = UserId(fresh_id())
    relays = [make_relay(publisher, batch=2) for _ in range(4)]

    async def write():
        return await recorded(store, 40, user_id)

    async def keep_relaying(relay):
        for _ in range(60):
            await relay.run()
            await asyncio.sleep(0)

    expected, *_ = await asyncio.gather(write(), *(keep_relaying(each) for each in relays))
    await relays[0].run()

    assert expected == ids(publisher)


@pytest.mark.sec("SEC-65")
@pytest.mark.parametrize(
    "statement",
    [
        "event_log.waiting",
        "event_log.number",
        "event_log.turn",
        "event_log.after",
        "event_log.advance",
        "commit",
    ],
)
@pytest.mark.parametrize("occurrence", [1, 2])
async def test_storage_that_fails_anywhere_loses_nothing_and_keeps_the_order(
    store, relay, publisher, statement, occurrence
):
    expected = await recorded(store, 6)
    seen = []

    def fail(name):
        if name == statement:
            seen.append(name)
            if len(seen) == occurrence:
                raise Unavailable

    store.on_statement = fail
    with pytest.raises(Unavailable):
        await relay.run()
    store.on_statement = None
    await relay.run()

    assert expected == list(dict.fromkeys(ids(publisher)))


async def test_a_relay_that_is_told_to_stop_ends_after_its_batch(store, relay, publisher):
    expected = await recorded(store, 20)
    publisher.failing = lambda _: relay.stop()

    assert 4 == await relay.run()
    assert 0 == await relay.run()

    assert expected[:4] == ids(publisher)


@pytest.mark.sec("SEC-65")
async def test_what_is_replayed_goes_again_with_the_same_ids_before_what_is_new(
    store, relay, publisher
):
    expected = await recorded(store, 6)
    await relay.run()
    replay = Events(lambda: InMemoryUnitOfWork(store), [relay])
    moment = store.events[3].occurred_at
    expected += await recorded(store, 1)

    assert 3 == await replay.since(moment, "memory")
    [backlog] = await replay.backlogs()
    assert (4, moment) == (backlog.depth, backlog.oldest)
    assert 4 == await relay.run()

    assert [*expected[:6], *expected[3:]] == ids(publisher)
    assert 0 == (await relay.backlog()).depth


def test_a_failure_names_its_reason():
    assert "redis_refused" == str(PublishingFailed("redis_refused"))
