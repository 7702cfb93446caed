"""The contract of `SessionCache`: what it forgets of people and sessions that live on."""

import asyncio

import pytest

from auth_core.kernel import UserId
from auth_core.sessions import ENDED, Lease, SessionCache, SessionState
from auth_core.testing.contracts.making import fresh_id, new_session, new_state

PATIENCE = 400
"""How many times a cache is asked until it has recovered from a flush, 10 ms apart."""


class SessionForgettingContract:
    """The part of `SessionCacheContract` about `forget_user` and `forget_session`."""

    async def test_forgetting_a_user_drops_their_states_and_voids_their_leases(
        self, session_cache: SessionCache, peer_session_cache: SessionCache
    ) -> None:
        state = new_state()
        await warm(session_cache, state)
        lease = await leased(session_cache, state)

        await peer_session_cache.forget_user(state.user.id)
        forgotten = await read(session_cache, state)
        await session_cache.fill(state, lease)

        assert [None, None] == [forgotten, await read(session_cache, state)]

    async def test_forgetting_a_session_drops_its_state_for_good(
        self, session_cache: SessionCache, peer_session_cache: SessionCache
    ) -> None:
        """Also when another session of the user is read, and what is known of them filled anew."""
        state = new_state()
        other = SessionState(session=new_session(state.user), user=state.user, live_sessions=2)
        await warm(session_cache, state)
        lease = await leased(session_cache, state)

        await peer_session_cache.forget_session(state.user.id, state.session.id)
        forgotten = await read(session_cache, state)
        await session_cache.fill(state, lease)
        await warm(peer_session_cache, other)

        assert [None, None] == [forgotten, await read(session_cache, state)]
        assert other == await read(session_cache, other)

    async def test_a_session_that_was_forgotten_is_filled_again(
        self, session_cache: SessionCache
    ) -> None:
        """It changed, and lives on."""
        state = new_state()
        await session_cache.forget_session(state.user.id, state.session.id)

        await warm(session_cache, state)

        assert state == await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    async def test_forgetting_a_session_leaves_its_tombstone(
        self, session_cache: SessionCache
    ) -> None:
        state = new_state()
        await end(session_cache, state)

        await session_cache.forget_session(state.user.id, state.session.id)

        assert ENDED is await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    async def test_forgetting_a_user_leaves_their_tombstones(
        self, session_cache: SessionCache
    ) -> None:
        state = new_state()
        await end(session_cache, state)

        await session_cache.forget_user(state.user.id)

        assert ENDED is await read(session_cache, state)

    async def test_forgetting_a_stranger_is_a_no_op(self, session_cache: SessionCache) -> None:
        await session_cache.forget_user(UserId(fresh_id()))


async def read(cache: SessionCache, state: SessionState) -> object:
    """What the cache says about the session of ``state``."""
    return await cache.read(state.user.id, state.session.id)


async def end(cache: SessionCache, state: SessionState) -> None:
    """Set the tombstone of ``state``."""
    await cache.end(state.user.id, [state.session.id])


async def leased(cache: SessionCache, state: SessionState) -> Lease:
    """A lease, as soon as the cache grants one."""
    for _ in range(PATIENCE):
        lease = await cache.lease(state.user.id)
        if lease is not None:
            return lease
        await asyncio.sleep(0.01)
    return pytest.fail("the cache grants no lease")


async def warm(cache: SessionCache, state: SessionState) -> None:
    """Fill ``state`` as soon as the cache takes it."""
    for _ in range(PATIENCE):
        await cache.fill(state, await leased(cache, state))
        if await read(cache, state) == state:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the cache does not keep what it is filled with")
