"""The clock, the entropy and the cache in memory."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from auth_core.kernel import Secret
from auth_core.sessions import ENDED
from auth_core.testing import (
    DeterministicIds,
    InMemorySessionCache,
    ManualClock,
    SeededEntropy,
    ToyPasswordHasher,
)
from auth_core.testing.contracts.making import new_state


def test_the_clock_moves_when_it_is_told_to():
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))

    clock.advance(timedelta(seconds=1.5))
    later = clock.now()
    clock.advance(timedelta(days=-1))

    assert datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC) == later
    assert later - timedelta(days=1) == clock.now()


def test_the_clock_is_set_in_any_zone_and_tells_utc():
    clock = ManualClock()

    clock.set(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))

    assert "2026-01-01T00:00:00+00:00" == clock.now().isoformat()


def test_the_clock_takes_no_naive_time():
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("seed", [0, 7, "seven", b"\0\xff"])
def test_entropy_repeats_itself_for_its_seed_only(seed):
    first, second, other = SeededEntropy(seed), SeededEntropy(seed), SeededEntropy("other")

    values = [(each.token_bytes(16), each.token_bytes(16)) for each in (first, second, other)]

    assert values[0] == values[1] != values[2]
    assert values[0][0] != values[0][1]


def test_ids_follow_the_clock():
    clock = ManualClock()
    ids = DeterministicIds(clock, SeededEntropy())

    first = ids.uuid()
    clock.advance(timedelta(milliseconds=1))

    assert first < ids.uuid()
    assert int(clock.now().timestamp() * 1000) == ids.uuid().int >> 80


async def test_the_hasher_counts_its_work():
    hasher = ToyPasswordHasher(SeededEntropy())
    password = Secret("correct horse battery staple")

    await hasher.verify(password, await hasher.hash(password))
    await hasher.verify(password, None)

    assert (1, 2) == (hasher.hashed, hasher.verified)


@pytest.mark.sec("SEC-29")
async def test_what_a_cache_missed_while_it_was_down_is_made_good_before_it_answers():
    cache, ended, forgotten = InMemorySessionCache(), new_state(), new_state()
    for state in (ended, forgotten):
        lease = await cache.lease(state.user.id)
        await cache.fill(state, lease)

    cache.down = True
    await cache.end(ended.user.id, [ended.session.id])
    await cache.forget_user(forgotten.user.id)
    cache.down = False

    assert ENDED is await cache.read(ended.user.id, ended.session.id)
    assert None is await cache.read(forgotten.user.id, forgotten.session.id)


async def test_only_calls_that_reach_the_cache_are_round_trips():
    cache, state = InMemorySessionCache(), new_state()
    await cache.read(state.user.id, state.session.id)

    cache.down = True
    await cache.read(state.user.id, state.session.id)
    await cache.forget_user(state.user.id)

    assert 1 == cache.round_trips
