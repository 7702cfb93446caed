"""What the session cache does when the server dies, freezes, forgets, refuses or is not there."""

import asyncio
import time

import pytest
import uvloop

from adapters.redis import RedisSessionCache, resync_window
from adapters.redis.session_cache import DEFAULT_TTL
from auth_core.kernel import Secret, Unavailable
from auth_core.sessions import ENDED
from tests.hearing import capture_logs_of
from tests.integration.redis.valkey_process import (
    MakeCache,
    Truth,
    ValkeyProcess,
    is_refused,
    new_state,
    until,
    warm,
)


async def test_a_killed_server_fails_readers_softly_and_comes_back(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    states = [new_state() for _ in range(20)]
    for state in states:
        await warm(cache, state)

    async def reader(state):
        for _ in range(300):
            answer = await cache.read(state.user.id, state.session.id)
            assert answer is None or answer == state
            await asyncio.sleep(0)

    readers = [asyncio.ensure_future(reader(state)) for state in states]
    await asyncio.sleep(0.005)
    await asyncio.to_thread(valkey.kill)
    await asyncio.gather(*readers)
    assert not cache.available

    valkey.start()
    await until(lambda: cache.available)
    await warm(cache, states[0])


@pytest.mark.sec("SEC-33")
async def test_a_restored_snapshot_revives_nothing(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    state, live = new_state(), new_state()
    await warm(here, state)
    await warm(here, live)
    valkey.ask("SAVE")
    await here.end(state.user.id, [state.session.id])

    valkey.kill()
    await until(lambda: not here.available and not there.available)
    valkey.start()
    assert int(str(valkey.ask("DBSIZE"))) >= 4
    await until(lambda: here.available and there.available)

    # the truth says nothing here: the generation alone keeps the snapshot out
    for cache in (here, there):
        assert await cache.read(state.user.id, state.session.id) is None
        assert await cache.read(live.user.id, live.session.id) is None


@pytest.mark.sec("SEC-29", "SEC-33")
async def test_an_end_during_an_outage_is_made_good_before_the_cache_is_trusted(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    """The server answers one worker all the time; the other one loses its connection."""
    here = await make_cache(valkey.url)
    state, known, changed = new_state(), new_state(), new_state()
    for each in (state, known, changed):
        await warm(here, each)
    truth.reachable = False
    here._connection.link.fail("test")
    await here.end(state.user.id, [state.session.id])
    await here.forget_user(known.user.id)
    await here.forget_session(changed.user.id, changed.session.id)
    assert await here.read(state.user.id, state.session.id) is None

    truth.reachable = True
    await until(lambda: here.available)

    assert await here.read(state.user.id, state.session.id) is ENDED
    assert await here.read(known.user.id, known.session.id) is None
    assert await here.read(changed.user.id, changed.session.id) is None
    await warm(here, changed)  # it lives on: nothing was buried


@pytest.mark.sec("SEC-29")
async def test_the_truth_replaces_tombstones_that_a_dead_worker_never_wrote(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    here = await make_cache(valkey.url)
    first = new_state()
    states = [first, *(new_state(first.user) for _ in range(9)), *(new_state() for _ in range(990))]
    for state in states[::100]:
        await warm(here, state)
    truth.ended = [(state.user.id, state.session.id) for state in states]

    there = await make_cache(valkey.url)

    await until(lambda: there.available)
    for cache in (here, there):
        answers = [await cache.read(state.user.id, state.session.id) for state in states]
        assert answers == [ENDED] * 1000


@pytest.mark.sec("SEC-29")
async def test_an_end_while_the_truth_is_being_asked_is_not_lost(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url, truth=Truth())
    state = new_state()
    await warm(there, state)
    truth.gate = asyncio.Event()
    asked = truth.asked
    here._connection.link.fail("test")
    await until(lambda: truth.asked > asked)

    ending = asyncio.ensure_future(here.end(state.user.id, [state.session.id]))
    await asyncio.sleep(0.05)
    assert not ending.done()
    truth.gate.set()
    await ending

    assert here.available
    assert await there.read(state.user.id, state.session.id) is ENDED


@pytest.mark.sec("SEC-29")
async def test_an_end_right_after_a_lost_connection_reconnects_first(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    for _ in range(10):
        state = new_state()
        await warm(there, state)
        here._connection.link.fail("test")

        await here.end(state.user.id, [state.session.id])

        assert await there.read(state.user.id, state.session.id) is ENDED


async def test_a_lease_does_not_outlive_its_connection(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    state = new_state()
    lease = await cache.lease(state.user.id)
    cache._connection.link.fail("test")
    await until(lambda: cache.available)

    await cache.fill(state, lease)

    assert await cache.read(state.user.id, state.session.id) is None


@pytest.mark.sec("SEC-29", "SEC-72")
async def test_a_frozen_server_is_given_up_and_what_ended_meanwhile_stays_ended(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    sent, unsent, live = new_state(), new_state(), new_state()
    for state in (sent, unsent, live):
        await warm(here, state)
        assert await there.read(state.user.id, state.session.id) == state

    valkey.freeze()
    began = time.monotonic()
    assert await here.read(live.user.id, live.session.id) is None
    assert 0.4 < time.monotonic() - began < 20
    began = time.monotonic()
    for _ in range(1000):
        assert await here.read(live.user.id, live.session.id) is None
    assert time.monotonic() - began < 20  # not each after half a second
    # here has no connection to try; there finds out by trying
    await here.end(unsent.user.id, [unsent.session.id])
    await there.end(sent.user.id, [sent.session.id])
    assert time.monotonic() - began < 40
    valkey.thaw()

    for cache in (here, there):
        assert await is_refused(cache, sent)
        assert await is_refused(cache, unsent)
    await until(lambda: here.available and there.available)
    for cache in (here, there):
        assert await cache.read(sent.user.id, sent.session.id) is ENDED
        assert await cache.read(unsent.user.id, unsent.session.id) is ENDED
        assert await cache.read(live.user.id, live.session.id) == live


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_process_that_stood_still_itself_does_not_blame_the_server(valkey: ValkeyProcess, run):
    """Both event loops read sockets before they run timers."""

    async def scenario() -> None:
        cache = RedisSessionCache(Secret(valkey.url), Truth())
        await cache.start()
        state = new_state()
        await warm(cache, state)

        reading = asyncio.ensure_future(cache.read(state.user.id, state.session.id))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.7)  # noqa: ASYNC251 - this is the point

        assert await reading == state
        assert cache.available
        await cache.close()

    run(scenario())


async def test_a_server_that_is_not_there_yet_is_found_later(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    valkey.kill()
    began = time.monotonic()
    with capture_logs_of("redis_") as logs:
        cache = await make_cache(valkey.url)
        assert time.monotonic() - began < 20
        assert not cache.available
        valkey.start()
        await until(lambda: cache.available)

    assert [entry["event"] for entry in logs] == ["redis_lost", "redis_back"]
    assert "cannot be reached" in logs[0]["reason"]


async def test_a_server_that_ends_the_connection_is_reconnected(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    state = new_state()
    await warm(cache, state)

    valkey.ask("CLIENT", "KILL", "TYPE", "normal")

    await until(lambda: not cache.available)
    await until(lambda: cache.available)
    assert await cache.read(state.user.id, state.session.id) == state


async def test_more_missed_writes_than_can_be_remembered_keep_the_cache_shut(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    cache = await make_cache(valkey.url)
    cache._debts._limit = 5
    truth.reachable = False
    cache._connection.link.fail("test")
    for _ in range(6):
        await cache.forget_user(new_state().user.id)
    truth.reachable = True
    await until(lambda: "too much" in (cache.trouble or ""))

    assert not cache.available

    cache._debts.settled_at = 0.0
    await until(lambda: cache.available)
    assert len(cache._debts) == 0


async def test_a_storm_of_ends_in_an_outage_returns_in_bounded_time(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    states = [new_state() for _ in range(200)]
    valkey.freeze()

    began = time.monotonic()
    await asyncio.gather(*(cache.end(state.user.id, [state.session.id]) for state in states))
    assert time.monotonic() - began < 30  # not one after the other

    valkey.thaw()
    await until(lambda: cache.available)
    for state in states:
        assert await cache.read(state.user.id, state.session.id) is ENDED


async def test_closing_while_the_server_is_away_is_quick(redis_url: str):
    async def unavailable():
        raise Unavailable

    cache = RedisSessionCache(Secret(redis_url), unavailable)
    await cache.start()

    began = time.monotonic()
    await cache.close()

    assert time.monotonic() - began < 20


async def test_closing_at_any_moment_of_connecting_is_quick(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    """redis-py's time-outs used to swallow the cancellation now and then."""
    valkey.ask("ACL", "SETUSER", "limited", "on", ">pw", "~fm:*", "+@all", "-eval")

    async def life(number: int) -> float:
        cache = RedisSessionCache(Secret(f"unix://limited:pw@{valkey.socket}"), Truth())
        starting = asyncio.ensure_future(cache.start())
        await asyncio.sleep(number / 600)
        starting.cancel()
        began = time.monotonic()
        await cache.close()
        return time.monotonic() - began

    assert max(await asyncio.gather(*map(life, range(100)))) < 20


def test_the_truth_is_asked_far_enough_back():
    assert resync_window().total_seconds() >= DEFAULT_TTL.total_seconds() + 10
