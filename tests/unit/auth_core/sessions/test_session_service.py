"""Sessions: PostgreSQL is the truth, the cache makes it fast."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import SessionId, Unavailable, UserId
from auth_core.sessions import ENDED, Ending, EndReason, SessionRevoked
from auth_core.testing import InMemorySessionRepository
from auth_core.testing.contracts.making import fresh_id
from auth_core.users import Registration, UserStatus

LIFETIME = timedelta(days=7)


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"))


@pytest.fixture
def ids(signed_in):
    return signed_in.user.id, signed_in.tokens.session_id


async def log_in_again(core, signed_in):
    return (await core.sign_in.log_in(signed_in.user.username)).tokens.session_id


async def test_a_session_begins_with_its_row_its_login_and_its_events(core, signed_in, ids):
    session = core.store.sessions[ids[1]]

    assert (ids[0], core.clock.now(), core.clock.now() + LIFETIME) == (
        session.user_id,
        session.created_at,
        session.expires_at,
    )
    assert core.clock.now() == core.store.users[ids[0]].last_login_at
    assert signed_in.user == core.store.users[ids[0]]
    assert [
        "user.created",
        "session.created",
        "user.logged_in",
    ] == [event.type for event in core.published]


async def test_a_warm_session_costs_one_cache_read_and_no_unit_of_work(core, ids):
    await core.sessions.state(*ids)
    begun, round_trips = core.store.begun, core.cache.round_trips

    state = await core.sessions.state(*ids)

    assert (begun, round_trips + 1) == (core.store.begun, core.cache.round_trips)
    assert (core.store.sessions[ids[1]], core.store.users[ids[0]], 1) == (
        state.session,
        state.user,
        state.live_sessions,
    )


async def test_a_miss_reads_the_truth_once_and_fills(core, ids):
    begun = core.store.begun

    await core.sessions.state(*ids)

    assert begun + 1 == core.store.begun
    assert await core.cache.read(*ids) == await core.sessions.state(*ids)


async def test_without_a_cache_the_truth_is_read_every_time(core, ids):
    core.cache.down = True
    begun = core.store.begun

    states = [await core.sessions.state(*ids) for _ in range(3)]

    assert begun + 3 == core.store.begun
    assert [ids[1]] * 3 == [state.session.id for state in states]


async def test_a_warm_session_survives_an_outage_of_storage(core, ids):
    await core.sessions.state(*ids)
    core.store.down = True

    assert await core.sessions.state(*ids) is not None


async def test_without_cache_and_storage_nobody_passes(core, ids):
    core.cache.down = core.store.down = True

    with pytest.raises(Unavailable):
        await core.sessions.state(*ids)


async def test_an_unknown_session_has_no_state(core, ids):
    assert None is await core.sessions.state(ids[0], SessionId(fresh_id()))
    assert None is await core.sessions.state(UserId(fresh_id()), ids[1])
    assert None is await core.cache.read(UserId(fresh_id()), ids[1])


@pytest.mark.sec("SEC-29")
async def test_an_ended_session_is_refused_on_every_worker(core, ids):
    other = core.another_worker()
    await other.sessions.state(*ids)

    ending = await core.sessions.end(*ids, EndReason.LOGOUT)

    assert Ending(ended=True, live_sessions=0) == ending
    assert None is await core.sessions.state(*ids)
    assert None is await other.sessions.state(*ids)


@pytest.mark.sec("SEC-29")
async def test_an_ended_session_stays_ended_when_the_cache_is_flushed(core, ids):
    await core.sessions.state(*ids)
    await core.sessions.end(*ids, EndReason.LOGOUT)

    core.cache.flush()

    assert None is await core.sessions.state(*ids)
    assert None is await core.sessions.state(*ids)


@pytest.mark.sec("SEC-29")
async def test_a_session_that_ended_while_the_cache_was_down_is_refused_when_it_is_back(core, ids):
    await core.sessions.state(*ids)
    core.cache.down = True
    await core.sessions.end(*ids, EndReason.LOGOUT)

    core.cache.down = False

    assert None is await core.sessions.state(*ids)


async def test_ending_twice_writes_and_announces_once(core, ids):
    await core.sessions.end(*ids, EndReason.LOGOUT)
    core.clock.advance(timedelta(minutes=1))

    again = await core.sessions.end(*ids, EndReason.REVOKED_ALL)

    assert Ending(ended=False, live_sessions=0) == again
    assert EndReason.LOGOUT is core.store.sessions[ids[1]].end_reason
    revoked = [event for event in core.published if isinstance(event, SessionRevoked)]
    assert [(ids[1], EndReason.LOGOUT)] == [(event.session_id, event.reason) for event in revoked]


async def test_racing_logouts_announce_one_end(core, ids):
    workers = [core.another_worker() for _ in range(10)]

    endings = await asyncio.gather(
        *(worker.sessions.end(*ids, EndReason.LOGOUT) for worker in workers)
    )

    assert 1 == sum(ending.ended for ending in endings)
    assert 1 == sum(isinstance(event, SessionRevoked) for event in core.published)


async def test_the_remaining_sessions_are_counted_anew(core, signed_in, ids):
    other = await log_in_again(core, signed_in)
    counts = [(await core.sessions.state(ids[0], other)).live_sessions]

    ending = await core.sessions.end(*ids, EndReason.LOGOUT)
    counts.append((await core.sessions.state(ids[0], other)).live_sessions)

    assert Ending(ended=True, live_sessions=1) == ending
    assert [2, 1] == counts


@pytest.mark.sec("SEC-29")
async def test_ending_all_ends_each_live_session_once(core, signed_in, ids):
    sessions = [ids[1], await log_in_again(core, signed_in), await log_in_again(core, signed_in)]
    for session_id in sessions:
        await core.sessions.state(ids[0], session_id)

    ended = [await core.sessions.end_all(ids[0], EndReason.REVOKED_ALL) for _ in range(2)]

    assert [3, 0] == ended
    assert [None] * 3 == [await core.sessions.state(ids[0], session_id) for session_id in sessions]
    revoked = [event for event in core.published if isinstance(event, SessionRevoked)]
    assert sorted(sessions) == sorted(event.session_id for event in revoked)
    assert {EndReason.REVOKED_ALL} == {event.reason for event in revoked}


async def test_ending_the_sessions_of_a_stranger_ends_none(core):
    assert 0 == await core.sessions.end_all(UserId(fresh_id()), EndReason.REVOKED_ALL)


@pytest.mark.parametrize("step", ["sessions.end", "outbox.add", "commit"])
async def test_a_logout_that_fails_has_not_happened(core, ids, step):
    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.sessions.end(*ids, EndReason.LOGOUT)
    core.store.on_statement = None

    assert await core.sessions.state(*ids) is not None
    assert not any(isinstance(event, SessionRevoked) for event in core.published)
    assert (await core.sessions.end(*ids, EndReason.LOGOUT)).ended


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize(
    ("offset", "live"),
    [
        (timedelta(seconds=-1), True),
        (timedelta(microseconds=-1), True),
        (timedelta(0), False),
        (timedelta(seconds=1), False),
    ],
)
async def test_a_session_expires_at_its_boundary(core, ids, warm, offset, live):
    """Also when its state is still cached."""
    if warm:
        await core.sessions.state(*ids)

    core.clock.advance(LIFETIME + offset)

    assert live == (await core.sessions.state(*ids) is not None)


async def test_an_expired_session_is_not_cached(core, ids):
    core.clock.advance(LIFETIME)

    await core.sessions.state(*ids)

    assert ENDED is await core.cache.read(*ids)


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize("flushed", [True, False])
async def test_a_clock_that_jumps_back_revives_no_session_that_was_seen_expired(core, ids, flushed):
    await core.sessions.state(*ids)
    core.clock.advance(LIFETIME)
    assert None is await core.sessions.state(*ids)
    if flushed:
        core.cache.flush()

    core.clock.advance(-LIFETIME)

    assert None is await core.sessions.state(*ids)
    assert EndReason.EXPIRED is core.store.sessions[ids[1]].end_reason
    assert "session.revoked" not in [event.type for event in core.published]


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize("flushed", [True, False])
async def test_a_clock_that_jumps_back_revives_no_ended_session(core, ids, flushed):
    core.clock.advance(timedelta(hours=1))
    await core.sessions.end(*ids, EndReason.LOGOUT)
    if flushed:
        core.cache.flush()

    core.clock.advance(timedelta(days=-30))

    assert None is await core.sessions.state(*ids)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("status", [UserStatus.DISABLED, UserStatus.DELETED, UserStatus.PENDING])
async def test_a_session_of_an_inactive_user_is_refused_and_not_cached(core, ids, status):
    core.store.users[ids[0]] = msgspec.structs.replace(core.store.users[ids[0]], status=status)

    assert None is await core.sessions.state(*ids)
    assert None is await core.cache.read(*ids)


class SlowReader:
    """Is held up after it has read the truth, before or just when it fills the cache."""

    def __init__(self):
        self.has_read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def pause(self):
        self.has_read.set()
        await self.go_on.wait()


@pytest.fixture(params=["after the read", "before the fill"])
def slow_reader(request, core, monkeypatch):
    reader = SlowReader()
    read, fill = InMemorySessionRepository.state, core.cache.fill

    async def slow_read(*arguments):
        state = await read(*arguments)
        await reader.pause()
        return state

    async def slow_fill(*arguments):
        await reader.pause()
        await fill(*arguments)

    if request.param == "after the read":
        monkeypatch.setattr(InMemorySessionRepository, "state", slow_read)
    else:
        monkeypatch.setattr(core.cache, "fill", slow_fill)
    return reader


@pytest.mark.sec("SEC-29")
async def test_a_retry_after_a_crash_before_the_cache_was_told_ends_what_is_cached(
    core, ids, monkeypatch
):
    """The truth was committed and the process died: asking again must not answer with nothing."""
    assert await core.sessions.state(*ids)  # cached from here on

    async def crash(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(core.cache, "end", crash)
        with pytest.raises(RuntimeError, match="killed"):
            await core.sessions.end_all(ids[0], EndReason.REVOKED_ALL)
    assert await core.another_worker().sessions.state(*ids)  # nobody was told that it has ended

    await core.another_worker().sessions.end_all(ids[0], EndReason.REVOKED_ALL)

    assert None is await core.another_worker().sessions.state(*ids)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("flushed", [True, False])
@pytest.mark.parametrize("everything", [True, False])
async def test_a_slow_filler_revives_nothing(core, ids, slow_reader, flushed, everything):
    """Not even when the tombstone is flushed away before it fills."""
    slow = asyncio.create_task(core.sessions.state(*ids))
    await slow_reader.has_read.wait()

    if everything:
        await core.another_worker().sessions.end_all(ids[0], EndReason.REVOKED_ALL)
    else:
        await core.another_worker().sessions.end(*ids, EndReason.LOGOUT)
    if flushed:
        core.cache.flush()
    slow_reader.go_on.set()
    await slow

    assert None is await core.sessions.state(*ids)


@pytest.mark.sec("SEC-29")
async def test_a_flush_in_the_middle_of_a_fill_costs_a_miss(core, ids, slow_reader):
    slow = asyncio.create_task(core.sessions.state(*ids))
    await slow_reader.has_read.wait()

    core.cache.flush()
    slow_reader.go_on.set()

    assert await slow is not None
    assert None is await core.cache.read(*ids)
    assert await core.sessions.state(*ids) is not None


async def test_a_slow_filler_does_not_bring_back_an_old_profile(core, ids, slow_reader):
    slow = asyncio.create_task(core.sessions.state(*ids))
    await slow_reader.has_read.wait()

    await core.users.rename(ids[0], "Alice L.")
    slow_reader.go_on.set()
    await slow

    assert "Alice L." == (await core.sessions.state(*ids)).user.display_name


async def test_a_login_shows_in_the_sessions_that_are_open(core, signed_in, ids):
    await core.sessions.state(*ids)
    core.clock.advance(timedelta(minutes=5))

    await log_in_again(core, signed_in)

    state = await core.sessions.state(*ids)
    assert (2, core.clock.now()) == (state.live_sessions, state.user.last_login_at)
