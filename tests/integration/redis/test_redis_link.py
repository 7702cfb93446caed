"""The one connection that a process shares."""

import asyncio
import random

import pytest
from redis.asyncio import Redis

from adapters.redis import RedisSessionCache
from adapters.redis.debts import Debt, Debts
from auth_core.kernel import Secret
from auth_core.sessions import ENDED
from tests.integration.redis.valkey_process import (
    MakeCache,
    Truth,
    ValkeyProcess,
    new_state,
    until,
    warm,
)


async def test_a_thousand_reads_take_few_round_trips(cache: RedisSessionCache):
    states = [new_state() for _ in range(50)]
    for state in states:
        await warm(cache, state)
    before = cache.round_trips

    wanted = [random.choice(states) for _ in range(1000)]
    answers = await asyncio.gather(
        *(cache.read(state.user.id, state.session.id) for state in wanted)
    )

    assert answers == wanted
    assert cache.round_trips - before <= 3


async def test_a_lone_read_is_one_round_trip(cache: RedisSessionCache):
    state = new_state()
    await warm(cache, state)
    before = cache.round_trips

    await cache.read(state.user.id, state.session.id)

    assert cache.round_trips - before == 1


async def test_a_process_uses_one_connection(valkey: ValkeyProcess, make_cache: MakeCache):
    cache = await make_cache(valkey.url)
    states = [new_state() for _ in range(200)]

    await asyncio.gather(*(warm(cache, state) for state in states))

    clients = str(valkey.ask("CLIENT", "LIST")).count(" fd=")
    assert clients == 2  # ours and the one that asks


async def test_a_read_sees_what_was_written_before_it(cache: RedisSessionCache):
    for _ in range(100):
        state = new_state()
        await warm(cache, state)

        ending = asyncio.ensure_future(cache.end(state.user.id, [state.session.id]))
        await asyncio.sleep(0)
        answer = await cache.read(state.user.id, state.session.id)

        assert answer is ENDED
        await ending


async def test_an_error_reaches_only_its_caller(cache: RedisSessionCache):
    state = new_state()
    await warm(cache, state)
    link = cache._connection.link
    assert link is not None

    refused = link.send(b"*1\r\n$7\r\nNOTHING\r\n")
    reads = [cache.read(state.user.id, state.session.id) for _ in range(20)]
    answers = await asyncio.gather(refused, *reads, return_exceptions=True)

    assert repr(answers[0]) == "Refused('ERR')"
    assert answers[1:] == [state] * 20
    assert cache.available


async def test_cancelled_callers_disturb_nobody(cache: RedisSessionCache):
    states = [new_state() for _ in range(20)]
    for state in states:
        await warm(cache, state)

    for _ in range(40):
        wanted = [random.choice(states) for _ in range(100)]
        tasks = [
            asyncio.ensure_future(cache.read(state.user.id, state.session.id)) for state in wanted
        ]
        for turns in range(random.randrange(4)):
            await asyncio.sleep(0 if turns else 0.0002)
        cancelled = {task for task in tasks if random.random() < 0.5 and task.cancel()}
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for task, state, answer in zip(tasks, wanted, answers, strict=True):
            assert (
                isinstance(answer, asyncio.CancelledError)
                if task in cancelled
                else (answer == state)
            )

    assert cache.available


async def test_a_cancelled_end_is_carried_out(cache: RedisSessionCache):
    states = [new_state() for _ in range(50)]
    for state in states:
        await warm(cache, state)

    ends = [asyncio.ensure_future(cache.end(state.user.id, [state.session.id])) for state in states]
    await asyncio.sleep(0)
    for task in ends:
        task.cancel()
    await asyncio.gather(*ends, return_exceptions=True)

    for state in states:
        assert await cache.read(state.user.id, state.session.id) is ENDED
    assert len(cache._debts) == 0


async def test_writes_and_reads_interleave_without_mixing_replies(cache: RedisSessionCache):
    async def life() -> None:
        state = new_state()
        await warm(cache, state)
        await cache.forget_user(state.user.id)
        assert await cache.read(state.user.id, state.session.id) is None
        await warm(cache, state)
        await cache.end(state.user.id, [state.session.id])
        assert await cache.read(state.user.id, state.session.id) is ENDED

    before = cache.round_trips
    await asyncio.gather(*(life() for _ in range(300)))

    assert cache.round_trips - before < 100


async def test_too_many_waiting_reads_are_misses(valkey: ValkeyProcess, make_cache: MakeCache):
    cache = await make_cache(valkey.url)
    state = new_state()
    await warm(cache, state)

    answers = await asyncio.gather(
        *(cache.read(state.user.id, state.session.id) for _ in range(12_000))
    )

    assert answers.count(state) == 10_000
    assert answers.count(None) == 2_000
    assert cache.available


@pytest.mark.sec("SEC-72")
async def test_a_link_that_nobody_confirmed_in_time_sends_nothing(cache: RedisSessionCache):
    """As after a pause of the process: what decides is the moment of sending, not a timer."""
    state = new_state()
    await warm(cache, state)
    before = cache.round_trips
    link = cache.connection.link
    assert link is not None

    link.trusted_until = asyncio.get_running_loop().time() - 0.001

    assert await cache.read(state.user.id, state.session.id) is None
    assert link.batches == before
    assert "nobody has confirmed" in link.lost.result()
    await until(lambda: cache.available)
    assert await cache.read(state.user.id, state.session.id) == state


async def test_closing_leaves_nothing_behind(redis_url: str, client: Redis):
    before = asyncio.all_tasks()
    cache = RedisSessionCache(Secret(redis_url), Truth())
    await cache.start()
    assert await cache.ping()
    state = new_state()
    await warm(cache, state)
    reading = asyncio.ensure_future(cache.read(state.user.id, state.session.id))
    await asyncio.sleep(0)

    await cache.close()

    assert await reading is None
    assert asyncio.all_tasks() == before
    assert not cache.available
    assert not await cache.ping()
    await cache.end(state.user.id, [state.session.id])
    await cache.forget_user(state.user.id)
    assert await cache.lease(state.user.id) is None
    await cache.close()


async def test_an_unused_cache_answers_with_misses(redis_url: str):
    cache = RedisSessionCache(Secret(redis_url), Truth())
    state = new_state()

    assert await cache.read(state.user.id, state.session.id) is None
    assert await cache.lease(state.user.id) is None
    await cache.end(state.user.id, [state.session.id])
    await cache.close()


async def test_a_dead_idle_connection_is_noticed(valkey: ValkeyProcess, make_cache: MakeCache):
    cache = await make_cache(valkey.url)

    valkey.freeze()

    await until(lambda: not cache.available)
    assert cache.trouble is not None
    valkey.thaw()
    await until(lambda: cache.available)
    assert cache.trouble is None


def test_debts_that_are_forgotten_are_waited_for():
    debts = Debts(window=100.0, limit=2)
    user = new_state().user.id
    first = debts.add(Debt(user, (), 10.0))
    second = debts.add(Debt(user, (), 20.0))
    assert debts.settled_at == 0.0

    third = debts.add(Debt(user, (), 30.0))

    assert debts.settled_at == 110.0
    assert first not in debts
    assert debts.first(10) == [second, third]
    debts.pay(second)
    debts.pay(first)
    assert len(debts) == 1
