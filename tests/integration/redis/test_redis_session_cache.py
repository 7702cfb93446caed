"""The session cache on a healthy server."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from adapters.redis import RedisSessionCache, records
from auth_core.kernel import SessionId, UserId
from auth_core.sessions import ENDED, Lease, Session
from auth_core.users import User, UserStatus
from tests.integration.redis.valkey_process import (
    MakeCache,
    keys_of,
    new_state,
    warm,
)


async def test_a_state_comes_back_exactly(cache: RedisSessionCache):
    state = new_state(live_sessions=3)

    await warm(cache, state)

    assert state == await cache.read(state.user.id, state.session.id)


async def test_a_state_of_defaults_and_absent_values_comes_back_exactly(cache: RedisSessionCache):
    user = msgspec.structs.replace(
        new_state().user, organization_id=None, last_login_at=None, roles=(), is_dev_user=True
    )

    state = new_state(user, live_sessions=0)

    await warm(cache, state)

    assert state == await cache.read(user.id, state.session.id)


@pytest.mark.parametrize("status", UserStatus)
def test_every_status_survives_encoding(status: UserStatus):
    state = new_state(msgspec.structs.replace(new_state().user, status=status))

    assert state == records.decode(*records.encode(state))


async def test_an_unknown_session_is_a_miss(cache: RedisSessionCache):
    state = new_state()

    assert await cache.read(state.user.id, state.session.id) is None


async def test_a_session_of_another_user_is_a_miss(cache: RedisSessionCache):
    mine, theirs = new_state(), new_state()
    await warm(cache, mine)
    await warm(cache, theirs)

    assert await cache.read(mine.user.id, theirs.session.id) is None


@pytest.mark.sec("SEC-29")
async def test_an_ended_session_is_refused_by_every_worker_at_once(make_cache: MakeCache):
    here, there = await make_cache(), await make_cache()
    for _ in range(200):
        state = new_state()
        await warm(here, state)
        assert await there.read(state.user.id, state.session.id) == state

        await here.end(state.user.id, [state.session.id])

        assert await there.read(state.user.id, state.session.id) is ENDED
        assert await here.read(state.user.id, state.session.id) is ENDED


async def test_ending_one_session_leaves_the_others_to_be_read_again(cache: RedisSessionCache):
    ended = new_state()
    other = new_state(ended.user)
    await warm(cache, ended)
    await warm(cache, other)

    await cache.end(ended.user.id, [ended.session.id])

    assert await cache.read(other.user.id, other.session.id) is None
    await warm(cache, other)
    assert await cache.read(ended.user.id, ended.session.id) is ENDED


async def test_many_sessions_end_together(cache: RedisSessionCache):
    first = new_state()
    states = [first, *(new_state(first.user) for _ in range(499))]
    for state in (states[0], states[250], states[499]):
        await warm(cache, state)

    await cache.end(first.user.id, [state.session.id for state in states])

    answers = [await cache.read(first.user.id, state.session.id) for state in states]
    assert answers == [ENDED] * 500


async def test_ending_nothing_voids_leases_and_the_user(cache: RedisSessionCache):
    state = new_state()
    await warm(cache, state)
    lease = await cache.lease(state.user.id)

    await cache.end(state.user.id, [])

    await cache.fill(state, lease)
    assert await cache.read(state.user.id, state.session.id) is None


@pytest.mark.sec("SEC-29")
async def test_a_slow_fill_does_not_revive_an_ended_session(make_cache: MakeCache):
    here, there = await make_cache(), await make_cache()
    state = new_state()
    lease = await here.lease(state.user.id)

    await there.end(state.user.id, [state.session.id])
    await here.fill(state, lease)

    assert await here.read(state.user.id, state.session.id) is ENDED


@pytest.mark.sec("SEC-29")
async def test_a_fill_under_a_newer_lease_does_not_revive_it_either(
    cache: RedisSessionCache, client: Redis
):
    state = new_state()
    await cache.end(state.user.id, [state.session.id])

    await cache.fill(state, await cache.lease(state.user.id))

    assert await cache.read(state.user.id, state.session.id) is ENDED
    for key in await keys_of(client, state.user.id):
        if b":t:" in key:
            await client.delete(key)
    assert await cache.read(state.user.id, state.session.id) is None


async def test_forgetting_a_user_voids_a_slow_fill_and_keeps_sessions(make_cache: MakeCache):
    here, there = await make_cache(), await make_cache()
    old, other = new_state(), new_state()
    await warm(here, old)
    await warm(here, other)
    lease = await here.lease(old.user.id)
    renamed = msgspec.structs.replace(
        old, user=old.user.renamed("New Name", at=old.user.created_at)
    )

    await there.forget_user(old.user.id)
    await here.fill(old, lease)

    assert await here.read(old.user.id, old.session.id) is None
    await here.fill(renamed, await here.lease(old.user.id))
    assert await there.read(old.user.id, old.session.id) == renamed
    assert await there.read(other.user.id, other.session.id) == other


async def test_fillers_of_one_user_share_their_lease(make_cache: MakeCache):
    here, there = await make_cache(), await make_cache()
    first = new_state()
    second = new_state(first.user)

    leases = await here.lease(first.user.id), await there.lease(first.user.id)
    await here.fill(first, leases[0])
    await there.fill(second, leases[1])

    assert await there.read(first.user.id, first.session.id) == first
    assert await here.read(first.user.id, second.session.id) == second


@pytest.mark.parametrize("lease", ["", "1:", ":", "1:00", "no lease", "9" * 40])
async def test_an_invented_lease_fills_nothing(cache: RedisSessionCache, lease: str):
    state = new_state()
    await cache.lease(state.user.id)

    await cache.fill(state, Lease(lease))

    assert await cache.read(state.user.id, state.session.id) is None


async def test_everything_expires(make_cache: MakeCache, client: Redis):
    cache = await make_cache(ttl=timedelta(seconds=120))
    state, ended = new_state(), new_state()
    await warm(cache, state)
    await warm(cache, ended)
    await cache.end(ended.user.id, [ended.session.id])

    left = {
        key.rsplit(b":")[3].decode(): await client.pttl(key)
        for user in (state.user, ended.user)
        for key in await keys_of(client, user.id)
    }

    assert set(left) == {"l", "s", "u", "t"}
    assert 0 < left["l"] <= 10_000
    assert 60_000 < left["s"] <= 120_000
    assert 60_000 < left["u"] <= 120_000
    # longer than any state that was filled under a lease from before the end
    assert left["t"] > 120_000 + 10_000


async def test_an_expired_state_is_a_miss(make_cache: MakeCache):
    cache = await make_cache(ttl=timedelta(seconds=2))
    state = new_state()
    await warm(cache, state)

    async with asyncio.timeout(60):
        while await cache.read(state.user.id, state.session.id) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await cache.read(state.user.id, state.session.id) is None


async def test_all_keys_of_a_user_are_in_one_slot(cache: RedisSessionCache, client: Redis):
    state, ended = new_state(), new_state()
    ended = msgspec.structs.replace(ended, user=state.user)
    await cache.end(state.user.id, [ended.session.id])
    await warm(cache, state)

    keys = await keys_of(client, state.user.id)

    assert len(keys) == 4
    assert len({key_slot(key) for key in keys}) == 1


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00", b"{}", b"\xff" * 200, records._SHAPE, records._SHAPE + b"\x93\x01", "cut"],
)
@pytest.mark.parametrize("part", ["s", "u"])
async def test_a_value_that_is_not_ours_is_a_miss(
    cache: RedisSessionCache, client: Redis, value: bytes | str, part: str
):
    state = new_state()
    await warm(cache, state)
    (key,) = [
        key for key in await keys_of(client, state.user.id) if key.split(b":")[3] == part.encode()
    ]
    stored = await client.get(key)

    await client.set(key, stored[:-1] if value == "cut" else value)

    assert await cache.read(state.user.id, state.session.id) is None
    await warm(cache, state)


async def test_a_key_of_another_type_is_a_miss(cache: RedisSessionCache, client: Redis):
    state = new_state()
    await warm(cache, state)
    for key in await keys_of(client, state.user.id):
        await client.delete(key)
        await client.rpush(key, "a list")

    assert await cache.read(state.user.id, state.session.id) is None


def test_the_fingerprint_changes_with_fields_types_defaults_and_members():
    class User2(User, frozen=True, kw_only=True):
        locked: bool = False

    class Session2(Session, frozen=True, kw_only=True):
        refresh_counter: int = 1

    prints = {
        records._fingerprint(*types)
        for types in [(User, Session), (User2, Session), (User, Session2), (Session, User)]
    }

    assert len(prints) == 4


@pytest.mark.sec("SEC-49")
async def test_values_hold_no_secret(cache: RedisSessionCache, client: Redis):
    state = new_state()
    await warm(cache, state)

    dump = b"".join([await client.get(key) for key in await keys_of(client, state.user.id)])

    for word in (b"password", b"hash", b"token", b"secret"):
        assert word not in dump.lower()


async def test_an_unknown_session_can_be_ended(cache: RedisSessionCache):
    user_id, session_id = UserId(uuid4()), SessionId(uuid4())

    await cache.end(user_id, [session_id])

    assert await cache.read(user_id, session_id) is ENDED
