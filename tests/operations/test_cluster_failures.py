"""What the session cache does while a cluster of real processes changes under it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.redis import ClusterSessionCache, RedisSessionCache
from adapters.redis.cluster.link import GENERATION
from adapters.redis.cluster.slots import slot_of_user
from adapters.redis.commands import session_key, tombstone_key, user_key
from adapters.redis.trouble import LinkLost
from auth_core.kernel import Secret
from auth_core.sessions import ENDED, SessionState
from tests.integration.redis.valkey_process import Truth, is_refused, new_state, until, warm
from tests.operations.cluster_nodes import Cluster, ClusterNode
from tests.operations.crowd import Crowd

MakeCache = Callable[..., Awaitable[ClusterSessionCache]]


@pytest.fixture
async def make_cache(cluster: Cluster) -> AsyncIterator[MakeCache]:
    made: list[ClusterSessionCache] = []

    async def make(truth: object = None) -> ClusterSessionCache:
        cache = ClusterSessionCache(Secret(cluster.url), truth or Truth())
        made.append(cache)
        await cache.start()
        await until(lambda: cache.available)
        return cache

    yield make
    for cache in made:
        await cache.close()


def state_on(cluster: Cluster, node: ClusterNode) -> SessionState:
    """A session of a user whose slot the node has."""
    while cluster.holder_of(slot_of_user((state := new_state()).user.id)) is not node:
        pass
    return state


def state_elsewhere(cluster: Cluster, node: ClusterNode) -> SessionState:
    while cluster.holder_of(slot_of_user((state := new_state()).user.id)) is node:
        pass
    return state


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
async def test_a_killed_primary_slows_its_slots_only_and_its_replica_takes_over(
    cluster: Cluster, make_cache: MakeCache
) -> None:
    crowd = Crowd()
    here, there = [await make_cache(crowd.recently_ended) for _ in range(2)]
    primary = cluster.nodes[0] if cluster.nodes[0].is_primary() else cluster.nodes[3]
    lost, kept = state_on(cluster, primary), state_elsewhere(cluster, primary)
    await warm(here, lost)
    await warm(here, kept)

    async with crowd.at_work([here, there]):
        await until(lambda: crowd.hits > 200)
        primary.kill()
        await until(lambda: not here.available)
        assert primary.address in (here.trouble or "")
        assert await here.read(kept.user.id, kept.session.id) == kept
        assert await here.read(lost.user.id, lost.session.id) is None
        await here.end(lost.user.id, [lost.session.id])
        await until(lambda: here.available and there.available)
        hits = crowd.hits
        await until(lambda: crowd.hits > hits + 500)

    assert crowd.wrong == 0
    assert crowd.logouts > 10
    assert await here.read(kept.user.id, kept.session.id) == kept
    for cache in (here, there):
        assert await cache.read(lost.user.id, lost.session.id) is ENDED
    primary.start()
    await asyncio.to_thread(cluster.complete)


@pytest.mark.sec("SEC-29", "SEC-33")
async def test_a_primary_that_wakes_up_after_its_replica_took_over_is_not_believed(
    cluster: Cluster, make_cache: MakeCache
) -> None:
    crowd = Crowd()
    here, there = [await make_cache(crowd.recently_ended) for _ in range(2)]
    primary = next(each for each in cluster.nodes if each.is_primary())
    state = state_on(cluster, primary)
    await warm(here, state)

    async with crowd.at_work([here, there]):
        await until(lambda: crowd.hits > 200)
        primary.freeze()
        try:
            await until(lambda: not here.available and not there.available)
            await until(lambda: here.available and there.available)
            await crowd.log_out(here, state)
        finally:
            primary.thaw()
        while primary.is_primary():
            for cache in (here, there):
                assert await is_refused(cache, state)
            await asyncio.sleep(0.005)
        hits = crowd.hits
        await until(lambda: crowd.hits > hits + 500)

    assert crowd.wrong == 0
    assert await there.read(state.user.id, state.session.id) is ENDED
    await asyncio.to_thread(cluster.complete)


@pytest.mark.sec("SEC-33")
async def test_a_primary_that_is_one_again_revives_nothing_of_its_first_time(
    cluster: Cluster, make_cache: MakeCache
) -> None:
    """Not even what a replica has lost, so that it is there as it was: the run is the same."""
    cache = await make_cache()
    first = next(each for each in cluster.nodes if each.is_primary())
    second = cluster.replica_of(first)
    state = state_on(cluster, first)
    await warm(cache, state)
    slot = slot_of_user(state.user.id)
    found = {key: _dump(first, key) for key in _keys_of(state)}

    await asyncio.to_thread(cluster.promote, second)
    await until(lambda: cache.available and _holder(cache, slot) == second.port)
    assert await cache.read(state.user.id, state.session.id) is None
    await cache.forget_user(state.user.id)
    await asyncio.to_thread(cluster.promote, first)
    epoch = first.info()["cluster_my_epoch"]
    await until(lambda: cache.available and _epoch(cache, slot) == epoch)
    for key, value in found.items():
        _restore(first, key, value)

    assert await cache.read(state.user.id, state.session.id) is None
    await warm(cache, state)


@pytest.mark.sec("SEC-29", "SEC-33")
async def test_a_slot_that_goes_to_another_primary_and_comes_back_revives_nothing(
    cluster: Cluster, make_cache: MakeCache
) -> None:
    crowd = Crowd()
    here, there = [await make_cache(crowd.recently_ended) for _ in range(2)]
    source, target = [each for each in cluster.nodes if each.is_primary()][:2]
    state = state_on(cluster, source)
    ended = SessionState(session=new_state(state.user).session, user=state.user, live_sessions=1)
    slot = slot_of_user(state.user.id)
    await warm(here, state)
    await warm(here, ended)
    found = {key: _dump(source, key) for key in _keys_of(state)}

    async with crowd.at_work([here, there]):
        cluster.begin_move(slot, source, target)
        await crowd.log_out(here, ended)  # all its keys are still at the source
        cluster.move_keys(slot, source, target)
        cluster.end_move(slot, target)
        await until(lambda: here.available and there.available)
        for cache in (here, there):
            assert await is_refused(cache, ended)
            assert await cache.read(state.user.id, state.session.id) is None
        await here.forget_user(state.user.id)

        cluster.move(slot, target, source)
        epoch = source.info()["cluster_my_epoch"]
        for key, value in found.items():
            _restore(source, key, value)
        for cache in (here, there):
            # what a replica has lost comes back no sooner than a heartbeat sees the new epoch
            await until(lambda cache=cache: _epoch(cache, slot) == epoch)
            assert await is_refused(cache, state)
            assert await is_refused(cache, ended)
        await until(lambda: here.available and there.available)

    assert crowd.wrong == 0
    await warm(there, state)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("moved", [0, 1, 2, 3])
async def test_an_end_finds_keys_that_are_on_their_way(
    cluster: Cluster, make_cache: MakeCache, moved: int
) -> None:
    """Some of them are at the target already, and commands of several keys are refused."""
    here, there = await make_cache(), await make_cache()
    source, target = [each for each in cluster.nodes if each.is_primary()][:2]
    state = state_on(cluster, source)
    slot = slot_of_user(state.user.id)
    await warm(here, state)
    cluster.begin_move(slot, source, target)
    for key in [each for each in _all_keys_of(state) if source.ask("EXISTS", each)][:moved]:
        cluster.move_key(key, source, target)

    await here.end(state.user.id, [state.session.id])

    assert await is_refused(there, state)
    cluster.move_keys(slot, source, target)
    cluster.end_move(slot, target)
    assert target.ask("EXISTS", tombstone_key(GENERATION, state.user.id, state.session.id)) == 1
    assert target.ask("EXISTS", *_keys_of(state)[:1]) == 0
    for cache in (here, there):
        assert await is_refused(cache, state)  # and so it hears where the slot is
        await until(lambda cache=cache: cache.available and _holder(cache, slot) == target.port)
        assert await cache.read(state.user.id, state.session.id) is ENDED


@pytest.mark.sec("SEC-29")
async def test_an_end_is_tried_again_when_its_caller_is_gone(
    cluster: Cluster, make_cache: MakeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No link need have been lost: the node sent us elsewhere, and we did not get there."""
    here, there = await make_cache(), await make_cache()
    state = new_state()
    await warm(there, state)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def nowhere(*_: object, **__: object) -> object:
        asked.set()
        await go_on.wait()
        raise LinkLost("its nodes send us round and round")

    with monkeypatch.context() as patched:
        patched.setattr(here.connection, "run", nowhere)
        end = asyncio.create_task(here.end(state.user.id, [state.session.id]))
        await asked.wait()
        end.cancel()
        await asyncio.wait([end])
    go_on.set()

    async with asyncio.timeout(60):
        while await there.read(state.user.id, state.session.id) is not ENDED:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)


async def test_a_node_that_joins_is_found_by_the_slots_that_it_gets(
    cluster: Cluster, make_cache: MakeCache
) -> None:
    """Nothing tells a process of it but an answer MOVED."""
    cache = await make_cache()
    source, target = [each for each in cluster.nodes if each.is_primary()][1:3]
    states = [state_on(cluster, source) for _ in range(5)]
    for state in states:
        await warm(cache, state)
        cluster.move(slot_of_user(state.user.id), source, target)

    for state in states:
        assert await cache.read(state.user.id, state.session.id) is None
        await until(lambda state=state: _holder(cache, slot_of_user(state.user.id)) == target.port)
    await until(lambda: cache.available)
    for state in states:
        await warm(cache, state)
        cluster.move(slot_of_user(state.user.id), target, source)


@pytest.mark.sec("SEC-72")
async def test_the_wrong_mode_is_named(cluster: Cluster) -> None:
    node = Secret(cluster.url.replace("redis+cluster://", "redis://").split(",")[0])
    as_one = RedisSessionCache(node, Truth())
    as_many = ClusterSessionCache(Secret("redis+cluster://127.0.0.1:1"), Truth())
    for cache in (as_one, as_many):
        await cache.start()
    await until(lambda: "set REDIS_MODE=cluster" in (as_one.trouble or ""))
    await until(lambda: "127.0.0.1:1: it cannot be reached" in (as_many.trouble or ""))
    for cache in (as_one, as_many):
        assert not cache.available
        assert not await cache.ping()
        await cache.close()


def _keys_of(state: SessionState) -> list[str]:
    user_id = state.user.id
    return [session_key(GENERATION, user_id, state.session.id), user_key(GENERATION, user_id)]


def _all_keys_of(state: SessionState) -> list[str]:
    lease = user_key(GENERATION, state.user.id)[:-1] + "l"
    return [*_keys_of(state), lease]


def _dump(node: ClusterNode, key: str) -> bytes:
    value = node.ask_raw("DUMP", key)
    assert isinstance(value, bytes)
    return value


def _restore(node: ClusterNode, key: str, value: bytes) -> None:
    node.ask_raw("RESTORE", key, 100_000, value, "REPLACE")


def _holder(cache: ClusterSessionCache, slot: int) -> int | None:
    holder = cache.connection._holders[slot]
    return None if holder is None or holder.link is None else holder.at.port


def _epoch(cache: ClusterSessionCache, slot: int) -> str:
    link = cache.connection.link_of(slot)
    return "" if link is None else link.epoch
