"""Servers that forget: flushed, evicting, full."""

import asyncio

import pytest
from redis.asyncio import Redis

from adapters.redis import RedisSessionCache
from auth_core.sessions import ENDED, SessionState
from tests.integration.redis.valkey_process import (
    MakeCache,
    ValkeyProcess,
    keys_of,
    new_state,
    warm,
)


@pytest.mark.sec("SEC-33")
async def test_flushing_never_revives(valkey: ValkeyProcess, make_cache: MakeCache):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    state = new_state()
    before_end = await here.lease(state.user.id)
    await there.end(state.user.id, [state.session.id])

    valkey.ask("FLUSHALL")
    await here.fill(state, before_end)

    assert await here.read(state.user.id, state.session.id) is None
    # another filler's lease does not help the slow one
    await there.lease(state.user.id)
    await here.fill(state, before_end)
    assert await here.read(state.user.id, state.session.id) is None


@pytest.mark.sec("SEC-33")
async def test_flushes_ends_and_fills_in_any_order_never_revive(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    """The service's own protocol against a truth of one bit, raced by ends and flushes."""
    workers = [await make_cache(valkey.url) for _ in range(3)]
    for _ in range(60):
        assert not await _race(valkey, workers, new_state())


async def _race(
    valkey: ValkeyProcess, workers: list[RedisSessionCache], state: SessionState
) -> list[object]:
    """The states that were served although an end had returned."""
    ended = acknowledged = False
    revived: list[object] = []

    async def request(cache: RedisSessionCache):
        for _ in range(12):
            was_acknowledged = acknowledged
            answer = await cache.read(state.user.id, state.session.id)
            if was_acknowledged and answer is not ENDED and answer is not None:
                revived.append(answer)
            if answer is None:
                lease = await cache.lease(state.user.id)
                live = not ended
                await asyncio.sleep(0)
                if live and lease is not None:
                    await cache.fill(state, lease)

    async def logout(cache: RedisSessionCache):
        nonlocal ended, acknowledged
        await asyncio.sleep(0.0005)
        ended = True
        await cache.end(state.user.id, [state.session.id])
        acknowledged = True

    async def flush():
        for _ in range(3):
            await asyncio.to_thread(valkey.ask, "FLUSHALL")

    await asyncio.gather(*map(request, workers * 4), logout(workers[0]), flush())
    return revived


async def test_scripts_may_be_flushed(valkey: ValkeyProcess, make_cache: MakeCache):
    cache = await make_cache(valkey.url)
    state = new_state()
    await warm(cache, state)

    valkey.ask("SCRIPT", "FLUSH")

    await warm(cache, state)
    valkey.ask("SCRIPT", "FLUSH")
    await cache.end(state.user.id, [state.session.id])
    assert await cache.read(state.user.id, state.session.id) is ENDED
    assert cache.available


@pytest.mark.sec("SEC-29")
async def test_an_evicted_tombstone_revives_nothing(make_cache: MakeCache, client: Redis):
    cache = await make_cache()
    state = new_state()
    await warm(cache, state)
    lease = await cache.lease(state.user.id)
    await cache.end(state.user.id, [state.session.id])

    for key in await keys_of(client, state.user.id):
        await client.delete(key)
    await cache.fill(state, lease)

    assert await cache.read(state.user.id, state.session.id) is None


@pytest.mark.sec("SEC-72")
async def test_a_full_server_still_ends_sessions(valkey: ValkeyProcess, make_cache: MakeCache):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    state, late = new_state(), new_state()
    await warm(here, state)
    assert await there.read(state.user.id, state.session.id) == state
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")

    await here.end(state.user.id, [state.session.id])

    assert await there.read(state.user.id, state.session.id) is ENDED
    assert await here.lease(late.user.id) is None
    assert here.available
    third = await make_cache(valkey.url)
    assert third.available

    valkey.ask("CONFIG", "SET", "maxmemory", "0")
    await warm(here, late)
