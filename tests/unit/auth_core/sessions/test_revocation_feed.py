"""The revocation feed: quick through the stream, complete through the truth (SEC-29, SEC-33)."""

import asyncio
import gc
from datetime import timedelta

import pytest

from auth_core.kernel import Unavailable
from auth_core.sessions import ENDED, EndReason, RevocationFeed
from auth_core.sessions import revocation_feed as module
from auth_core.users import Registration

LIFETIME = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"))


@pytest.fixture
def ids(signed_in):
    return signed_in.user.id, signed_in.tokens.session_id


@pytest.fixture
def another(core):
    """The feed of another process."""
    return RevocationFeed(
        core.unit_of_work, core.stream, core.cache, core.clock, access_lifetime=LIFETIME
    )


def revoked(feed):
    return {revocation.session_id for revocation in feed.state().revocations}


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


async def test_before_the_first_poll_nobody_is_told_anything(core):
    with pytest.raises(Unavailable):
        core.revocations.state()


@pytest.mark.sec("SEC-29")
async def test_a_session_that_ends_is_revoked_until_its_last_access_token_is_dead(core, ids):
    await core.revocations.poll()
    await core.sessions.end(*ids, EndReason.LOGOUT)

    (revocation,) = core.revocations.state().revocations

    assert (ids[1], core.clock.now(), core.clock.now() + LIFETIME) == (
        revocation.session_id,
        revocation.ended_at,
        revocation.expires_at,
    )
    core.clock.advance(LIFETIME + module.MARGIN)
    await core.revocations.poll()
    assert set() == revoked(core.revocations)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize(
    "ending",
    [
        lambda core, ids: core.sessions.end(*ids, EndReason.LOGOUT),
        lambda core, ids: core.sessions.end_all(ids[0], EndReason.REVOKED_ALL),
        lambda core, ids: core.lifecycle.disable(ids[0]),
        lambda core, ids: core.lifecycle.delete(ids[0]),
    ],
    ids=["logout", "everywhere", "disabled", "deleted"],
)
@pytest.mark.usefixtures("another_administrator")
async def test_every_way_to_end_a_session_is_announced(core, ids, ending):
    await core.revocations.poll()
    _, follower = core.revocations.follow(None)

    await ending(core, ids)

    news = await anext(follower.news())
    assert ids[1] == news.session_id


@pytest.mark.sec("SEC-30")
async def test_a_stolen_session_is_announced(core, signed_in, ids):
    await core.revocations.poll()
    second = (await core.refresh.redeem(signed_in.tokens.refresh_token)).tokens.refresh_token
    await core.refresh.redeem(second)
    core.clock.advance(timedelta(seconds=10))
    with pytest.raises(Exception, match="not valid"):
        await core.refresh.redeem(signed_in.tokens.refresh_token)
    await core.revocations.poll()

    assert {ids[1]} == revoked(core.revocations)


async def test_another_process_hears_through_the_stream_before_its_next_poll(
    core, another, ids, monkeypatch
):
    monkeypatch.setattr(module, "POLL_SECONDS", 3600.0)
    await core.revocations.start()
    await another.start()
    await until(lambda: len(core.stream._server.listeners) == 2)
    await until(lambda: another._as_of is not None)

    await core.sessions.end(*ids, EndReason.LOGOUT)

    await until(lambda: ids[1] in revoked(another))
    await core.revocations.close()
    await another.close()


@pytest.mark.sec("SEC-33")
async def test_what_the_stream_never_got_is_found_by_the_next_poll_and_appended(core, another, ids):
    """The process that ended it was killed before it could say so."""
    await another.poll()
    core.stream.entries.clear()
    async with core.unit_of_work() as uow:
        await uow.sessions.end(*ids, EndReason.LOGOUT, core.clock.now())
        await uow.commit()

    await another.poll()

    assert {ids[1]} == revoked(another)
    assert [ids[1]] == [entry.session_id for entry in core.stream.entries]


@pytest.mark.sec("SEC-29")
async def test_an_ending_that_never_reached_the_cache_gets_its_tombstone_from_another_process(
    core, another, ids
):
    """Its worker was cut off from Redis; the others still had the session cached."""
    await core.sessions.state(*ids)
    await another.poll()
    async with core.unit_of_work() as uow:
        await uow.sessions.end(*ids, EndReason.LOGOUT, core.clock.now())
        await uow.commit()
    assert ENDED is not await core.cache.read(*ids)

    await another.poll()

    assert ENDED is await core.cache.read(*ids)


@pytest.mark.sec("SEC-33")
async def test_a_flushed_stream_is_filled_again(core, ids):
    await core.revocations.poll()
    await core.sessions.end(*ids, EndReason.LOGOUT)
    await core.revocations.poll()
    core.stream.flush()

    await core.revocations.poll()

    assert ids[1] in {entry.session_id for entry in core.stream.entries}
    assert core.clock.now() == core.stream.as_of


@pytest.mark.sec("SEC-72")
async def test_without_the_stream_the_poll_is_enough(core, another, ids):
    core.stream.down = True
    await another.poll()
    await core.sessions.end(*ids, EndReason.LOGOUT)

    await another.poll()

    assert {ids[1]} == revoked(another)
    core.stream.down = False
    await another.poll()
    assert ids[1] in {entry.session_id for entry in core.stream.entries}


@pytest.mark.sec("SEC-72")
async def test_without_the_truth_nothing_is_promised(core):
    await core.revocations.poll()
    as_of = core.clock.now()
    core.store.down = True
    core.clock.advance(2 * SECOND)

    with pytest.raises(Unavailable):
        await core.revocations.poll()
    assert as_of == core.revocations.state().as_of == core.stream.as_of

    core.clock.advance(module.STALE)
    with pytest.raises(Unavailable):
        core.revocations.state()
    with pytest.raises(Unavailable):
        core.revocations.follow(None)


@pytest.mark.sec("SEC-72")
async def test_without_the_truth_followers_hear_that_nothing_newer_is_known(core):
    await core.revocations.poll()
    as_of = core.clock.now()
    _, follower = core.revocations.follow(None)
    news = follower.news()
    core.revocations.remind()  # the truth was heard since: nothing to say
    core.clock.advance(SECOND)

    core.revocations.remind()

    assert as_of == await anext(news)
    await core.revocations.poll()
    assert as_of + SECOND == await anext(news)
    core.revocations.remind()
    core.revocations.remind()
    assert as_of + SECOND == await anext(news)


async def test_a_process_that_starts_appends_only_what_the_stream_may_not_have(core, ids, another):
    await core.revocations.poll()
    await core.sessions.end(*ids, EndReason.LOGOUT)
    await core.revocations.poll()
    before = len(core.stream.entries)
    core.clock.advance(3 * module.MARGIN)
    await core.revocations.poll()

    await another.poll()

    assert {ids[1]} == revoked(another)
    assert before == len(core.stream.entries)


async def test_a_process_that_starts_appends_what_has_just_ended(core, ids, another):
    await core.revocations.poll()
    await core.stream.confirm(core.clock.now())
    await core.sessions.end(*ids, EndReason.LOGOUT)  # by a process that is gone since

    await another.poll()

    assert ids[1] in {entry.session_id for entry in core.stream.entries}


@pytest.mark.sec("SEC-29", "SEC-33")
async def test_a_stream_that_is_lost_again_while_it_is_filled_is_filled_again(
    core, ids, monkeypatch
):
    await core.revocations.poll()
    await core.sessions.end(*ids, EndReason.LOGOUT)
    await core.revocations.poll()
    add, flushed = core.stream.add, []

    async def add_and_lose(revocations):
        await add(revocations)
        flushed.append(True)
        core.stream.flush()

    core.stream.flush()
    with monkeypatch.context() as patched:
        patched.setattr(core.stream, "add", add_and_lose)
        await core.revocations.poll()
    assert flushed

    await core.revocations.poll()

    assert core.stream.as_of is not None
    assert ids[1] in {entry.session_id for entry in core.stream.entries}


async def test_whoever_resumes_is_told_what_ended_around_their_cursor_and_later(core, signed_in):
    name = signed_in.user.username
    await core.revocations.poll()
    ended = []
    for _ in range(4):
        tokens = (await core.sign_in.log_in(name)).tokens
        await core.sessions.end(signed_in.user.id, tokens.session_id, EndReason.LOGOUT)
        ended.append(tokens.session_id)
        core.clock.advance(module.MARGIN)
        await core.revocations.poll()
    cursor = core.clock.now() - module.MARGIN

    state, follower = core.revocations.follow(cursor)

    assert ended[2:] == [revocation.session_id for revocation in state.revocations]
    core.revocations.leave(follower)


async def test_a_follower_that_falls_behind_is_cut_off(core, ids, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BEHIND", 3)
    await core.revocations.poll()
    _, follower = core.revocations.follow(None)
    for _ in range(5):
        await core.revocations.poll()

    assert [] == [news async for news in follower.news()]


async def test_followers_are_bounded_and_are_sent_away_at_the_end(core, monkeypatch):
    monkeypatch.setattr(module, "MAX_FOLLOWERS", 1)
    await core.revocations.poll()
    _, follower = core.revocations.follow(None)
    with pytest.raises(Unavailable):
        core.revocations.follow(None)

    core.revocations.leave(follower)
    _, follower = core.revocations.follow(None)
    core.revocations.dismiss()
    assert [] == [news async for news in follower.news()]
    core.revocations.leave(follower)
    with pytest.raises(Unavailable):
        core.revocations.follow(None)


@pytest.mark.sec("SEC-72")
async def test_a_cache_that_does_not_answer_delays_nobody_who_follows(core, ids, monkeypatch):
    """Redis may be away for longer than a verifier trusts an old ``as_of``."""
    gate, ended = asyncio.Event(), []

    async def end(user_id, session_ids):
        ended.extend(session_ids)
        await gate.wait()

    await core.revocations.poll()
    async with core.unit_of_work() as uow:
        await uow.sessions.end(*ids, EndReason.LOGOUT, core.clock.now())
        await uow.commit()
    monkeypatch.setattr(core.cache, "end", end)
    core.clock.advance(timedelta(seconds=1))

    poll = asyncio.create_task(core.revocations.poll())
    await until(lambda: bool(ended))

    assert core.clock.now() == core.revocations.state().as_of
    assert {ids[1]} == revoked(core.revocations)
    gate.set()
    await poll


async def test_announcing_never_raises(core, ids):
    core.stream.down = True
    await core.revocations.start()
    await until(lambda: core.revocations._as_of is not None)

    await core.sessions.end(*ids, EndReason.LOGOUT)

    assert {ids[1]} == revoked(core.revocations)
    await core.revocations.close()


async def test_a_stream_that_is_cut_off_is_followed_again(core, another, ids, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.001)
    await another.start()
    await until(lambda: another._as_of is not None and core.stream._server.listeners)
    before = set(core.stream._server.listeners)
    core.stream.cut()
    await until(
        lambda: core.stream._server.listeners and before.isdisjoint(core.stream._server.listeners)
    )
    await core.revocations.start()

    await core.sessions.end(*ids, EndReason.LOGOUT)

    await until(lambda: ids[1] in revoked(another))
    await core.revocations.close()
    await another.close()


async def test_who_has_started_can_be_followed_at_once(core, another, ids):
    """A worker begins to serve then: its first followers must not be sent away."""
    await core.sessions.end(*ids, EndReason.LOGOUT)

    await another.start()

    state, _ = another.follow(None)
    assert {ids[1]} == {revocation.session_id for revocation in state.revocations}
    await another.close()


async def test_a_start_does_not_wait_for_a_truth_that_does_not_answer(core, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(core.revocations, "poll", asyncio.Event().wait)

    async with asyncio.timeout(60):
        await core.revocations.start()

    with pytest.raises(Unavailable):
        core.revocations.state()
    await core.revocations.close()


async def test_a_follower_whose_answer_never_began_is_forgotten(core):
    """Its place must not stay taken: they are limited."""
    await core.revocations.poll()
    _, follower = core.revocations.follow(None)
    news = follower.news()
    del follower

    await news.aclose()  # a generator that was never begun runs no `finally`
    del news
    gc.collect()

    assert 0 == len(core.revocations._followers)


async def test_a_fault_that_nobody_thought_of_does_not_stop_the_feed(core, monkeypatch):
    """What is asked of the truth is asked again; until then the state grows stale."""
    asked = asyncio.Event()
    polls = 0

    async def poll() -> None:
        nonlocal polls
        polls += 1
        if polls == 1:
            raise RuntimeError("a fault")
        asked.set()

    monkeypatch.setattr(core.revocations, "poll", poll)
    monkeypatch.setattr("auth_core.sessions.revocation_feed.POLL_SECONDS", 0.0)
    await core.revocations.start()
    await asyncio.wait_for(asked.wait(), 10)
    await core.revocations.close()

    assert polls >= 2
    assert "unexpected RuntimeError" == core.revocations.problem
