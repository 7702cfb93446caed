"""The contract of `SessionCache`: it may forget anything at any time, and revive nothing ever."""

import asyncio

import pytest

from auth_core.kernel import SessionId, UserId
from auth_core.sessions import ENDED, Lease, SessionCache, SessionState
from auth_core.testing.contracts.making import Flush, fresh_id, new_session, new_state, new_user
from auth_core.testing.contracts.session_forgetting import (
    SessionForgettingContract,
    end,
    leased,
    read,
    warm,
)


class SessionCacheContract(SessionForgettingContract):
    """Needs the fixtures ``session_cache``, a `SessionCache` within reach, and ``flush``.

    `Flush` loses everything in the server, as FLUSHALL does. Override ``peer_session_cache`` with
    the cache of another worker over the same server, if the adapter keeps anything to itself.
    """

    @pytest.fixture
    def peer_session_cache(self, session_cache: SessionCache) -> SessionCache:
        return session_cache

    async def test_what_was_never_filled_is_a_miss(self, session_cache: SessionCache) -> None:
        assert None is await session_cache.read(UserId(fresh_id()), SessionId(fresh_id()))

    async def test_a_state_comes_back_as_it_was_filled(
        self, session_cache: SessionCache, peer_session_cache: SessionCache
    ) -> None:
        """Every field, to the microsecond, on every worker."""
        user = new_user(display_name='Zoë\u202f"🦊"\\ \x7f', roles=())
        states = [
            new_state(),
            SessionState(session=new_session(user), user=user, live_sessions=0),
        ]

        for state in states:
            await warm(session_cache, state)

        assert states == [await read(session_cache, state) for state in states]
        assert states == [await read(peer_session_cache, state) for state in states]

    async def test_a_state_is_found_under_its_own_user_only(
        self, session_cache: SessionCache
    ) -> None:
        state, other = new_state(), new_state()
        await warm(session_cache, state)
        await warm(session_cache, other)

        assert None is await session_cache.read(other.user.id, state.session.id)

    async def test_a_fill_replaces_an_older_state(self, session_cache: SessionCache) -> None:
        state = new_state(live_sessions=1)
        newer = SessionState(session=state.session, user=state.user, live_sessions=2)
        await warm(session_cache, state)

        await warm(session_cache, newer)

        assert newer == await read(session_cache, newer)

    async def test_many_reads_at_once_each_get_their_own(self, session_cache: SessionCache) -> None:
        states = [new_state(live_sessions=number) for number in range(50)]
        await asyncio.gather(*(warm(session_cache, state) for state in states[::2]))

        answers = await asyncio.gather(*(read(session_cache, state) for state in states))

        expected = [None if number % 2 else state for number, state in enumerate(states)]
        assert expected == answers

    async def test_a_cancelled_read_disturbs_no_other(self, session_cache: SessionCache) -> None:
        state = new_state()
        await warm(session_cache, state)
        reads = [asyncio.create_task(read(session_cache, state)) for _ in range(3)]
        await asyncio.sleep(0)
        reads[1].cancel()

        answers = await asyncio.gather(*reads, return_exceptions=True)

        assert [state, state] == [answers[0], answers[2]]

    async def test_a_lease_that_was_never_granted_fills_nothing(
        self, session_cache: SessionCache
    ) -> None:
        state = new_state()

        await session_cache.fill(state, Lease("made up"))

        assert None is await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    async def test_an_ended_session_is_known_to_be_over(
        self, session_cache: SessionCache, peer_session_cache: SessionCache
    ) -> None:
        """Whether it was cached or not, and on every worker."""
        cached, uncached = new_state(), new_state()
        await warm(session_cache, cached)

        for state in (cached, uncached):
            await end(session_cache, state)

        assert [ENDED, ENDED] == [await read(session_cache, each) for each in (cached, uncached)]
        assert [ENDED, ENDED] == [
            await read(peer_session_cache, each) for each in (cached, uncached)
        ]

    async def test_ending_twice_is_ending(self, session_cache: SessionCache) -> None:
        state = new_state()

        await end(session_cache, state)
        await end(session_cache, state)

        assert ENDED is await read(session_cache, state)

    async def test_many_sessions_end_at_once(self, session_cache: SessionCache) -> None:
        user = new_user()
        states = [
            SessionState(session=new_session(user), user=user, live_sessions=40) for _ in range(40)
        ]
        for state in states:
            await warm(session_cache, state)

        await session_cache.end(user.id, [state.session.id for state in states])

        assert [ENDED] * 40 == [await read(session_cache, state) for state in states]

    async def test_ending_a_session_drops_the_users_other_states(
        self, session_cache: SessionCache
    ) -> None:
        """They counted it among the live ones."""
        state = new_state()
        other = SessionState(session=new_session(state.user), user=state.user, live_sessions=2)
        await warm(session_cache, other)

        await end(session_cache, state)

        assert None is await read(session_cache, other)

    async def test_ending_none_still_drops_the_states_and_voids_the_leases(
        self, session_cache: SessionCache
    ) -> None:
        """Who repeats a sign-out that crashed after its commit finds nothing left to end."""
        state = new_state()
        await warm(session_cache, state)
        lease = await leased(session_cache, state)

        await session_cache.end(state.user.id, [])
        await session_cache.fill(state, lease)

        assert None is await read(session_cache, state)

    async def test_the_sessions_of_others_stay_cached(self, session_cache: SessionCache) -> None:
        state, other = new_state(), new_state()
        await warm(session_cache, other)

        await end(session_cache, state)
        await session_cache.forget_user(state.user.id)

        assert other == await read(session_cache, other)

    @pytest.mark.sec("SEC-29")
    async def test_a_tombstone_wins_over_a_state_that_is_filled_later(
        self, session_cache: SessionCache
    ) -> None:
        state = new_state()
        await end(session_cache, state)

        await session_cache.fill(state, await leased(session_cache, state))

        assert ENDED is await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    async def test_a_lease_is_void_once_a_session_of_the_user_has_ended(
        self, session_cache: SessionCache, peer_session_cache: SessionCache
    ) -> None:
        """Whatever its holder has read may be old."""
        state = new_state()
        other = SessionState(session=new_session(state.user), user=state.user, live_sessions=2)
        lease = await leased(session_cache, state)

        await end(peer_session_cache, state)
        await session_cache.fill(state, lease)
        await session_cache.fill(other, lease)

        assert ENDED is await read(session_cache, state)
        assert None is await read(session_cache, other)

    async def test_after_a_flush_the_cache_misses_and_can_be_filled_again(
        self, session_cache: SessionCache, flush: Flush
    ) -> None:
        state = new_state()
        await warm(session_cache, state)

        await flush()

        assert None is await read(session_cache, state)
        await warm(session_cache, state)
        assert state == await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    async def test_a_flush_voids_the_leases(
        self, session_cache: SessionCache, flush: Flush
    ) -> None:
        """Or else a slow filler would revive a session whose tombstone was flushed away."""
        state = new_state()
        lease = await leased(session_cache, state)

        await end(session_cache, state)
        await flush()
        await session_cache.fill(state, lease)

        assert not isinstance(await read(session_cache, state), SessionState)

    @pytest.mark.sec("SEC-29")
    async def test_a_lease_of_before_a_flush_is_not_mistaken_for_a_new_one(
        self, session_cache: SessionCache, flush: Flush
    ) -> None:
        """Leases that count from one would be."""
        state = new_state()
        lease = await leased(session_cache, state)

        await flush()
        other = SessionState(session=new_session(state.user), user=state.user, live_sessions=2)
        await leased(session_cache, other)
        await session_cache.fill(state, lease)

        assert None is await read(session_cache, state)

    @pytest.mark.sec("SEC-29")
    @pytest.mark.parametrize("late", range(12))
    async def test_a_racing_filler_never_revives_an_ended_session(
        self, session_cache: SessionCache, peer_session_cache: SessionCache, late: int
    ) -> None:
        state = new_state()

        async def fill() -> None:
            lease = await session_cache.lease(state.user.id)
            for _ in range(late):
                await asyncio.sleep(0)
            if lease is not None:
                await session_cache.fill(state, lease)

        await asyncio.gather(fill(), end(peer_session_cache, state), fill())

        assert ENDED is await read(session_cache, state)


class UnreachableSessionCacheContract:
    """Needs ``unreachable_session_cache``: a `SessionCache` whose server does not answer."""

    async def test_nothing_raises_and_every_read_misses(
        self, unreachable_session_cache: SessionCache
    ) -> None:
        state, cache = new_state(), unreachable_session_cache

        assert None is await cache.lease(state.user.id)
        await cache.fill(state, Lease("of before"))
        assert None is await read(cache, state)
        await cache.forget_user(state.user.id)
        await cache.forget_session(state.user.id, state.session.id)
        await cache.end(state.user.id, [state.session.id])
        assert not isinstance(await read(cache, state), SessionState)
