"""Failovers as two workers see them, of which the second may be slow to hear of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from adapters.redis import (
    RedisEventStream,
    RedisRevocations,
    RedisRevocationStream,
    RedisSessionCache,
)
from adapters.redis.modes import client
from adapters.redis.revocation_stream import STREAM
from adapters.redis.sentinel_diagnosis import sentinel_facts
from adapters.redis.sentinel_dial import TRUST
from auth_core.events import CloudEvent, PublishingFailed
from auth_core.kernel import Secret, Unavailable
from auth_core.sessions import ENDED, SessionState
from auth_core.testing.contracts.event_publisher import new_cloud_event
from auth_core.testing.contracts.making import now
from auth_core.testing.contracts.revocation_stream import LIFETIME, new_revocation
from auth_core.tokens.verify import Reset, Snapshot, SourceLost
from tests.integration.mail.conftest import Certificates
from tests.integration.redis.valkey_process import (
    Truth,
    is_refused,
    new_state,
    until,
    valkey_server,
    warm,
)
from tests.operations.constellation import DATABASE, Constellation, constellation, redis_server


@asynccontextmanager
async def workers(watched: Constellation, truth: Truth) -> AsyncIterator[list[RedisSessionCache]]:
    """Two, once both use the primary."""
    caches = [RedisSessionCache(Secret(watched.url), truth) for _ in range(2)]
    for cache in caches:
        await cache.start()
    await until(lambda: all(cache.available for cache in caches))
    try:
        yield caches
    finally:
        for cache in caches:
            await cache.close()


async def log_out(cache: RedisSessionCache, truth: Truth, state: SessionState) -> None:
    """As the service does it: the truth first."""
    truth.ended.append((state.user.id, state.session.id))
    await cache.end(state.user.id, [state.session.id])


async def until_true(probe: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await probe():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.1)


async def publish(stream: RedisEventStream, event: CloudEvent) -> None:
    """As the relay does it: again, until somebody who answers in time has taken it."""

    async def is_taken() -> bool:
        with suppress(PublishingFailed):
            await stream.publish([event])
            return True
        return False

    await until_true(is_taken)


async def nobody_hears(*_: Any) -> None:
    """Instead of asking the sentinels."""


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
@pytest.mark.parametrize("watched", [redis_server, valkey_server], indirect=True)
async def test_a_logout_holds_on_a_worker_that_has_not_heard_of_the_new_primary(
    watched: Constellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Split brain: the old primary lives, takes writes, and one worker goes on reading it.

    The sentinels cannot demote it, and that worker's questions to them are lost. So only time
    ends its trust, and nobody answers a logout before.
    """
    truth, states = Truth(), [new_state() for _ in range(40)]
    old = watched.primary()
    async with workers(watched, truth) as (quick, slow):
        for state in states:
            await warm(slow, state)
        monkeypatch.setattr(slow.connection._dialler, "confirm", nobody_hears)
        old.ask("ACL", "SETUSER", "default", "-replicaof", "-slaveof")
        await asyncio.to_thread(watched.fail_over)

        while quick.available:  # before and during: one after the other, on either worker
            for cache in (quick, slow) if len(states) > 10 else ():
                await log_out(cache, truth, states.pop())
            for user, session in truth.ended:
                assert await slow.read(user, session) in (ENDED, None)
            await asyncio.sleep(0.2)
        told = states.pop()
        await log_out(quick, truth, told)

        assert await is_refused(slow, told)
        assert "master" == old.role()
        left = old.ask("KEYS", f"fm:{{{told.user.id.hex}}}:*", db=DATABASE)
        kinds = {key[54:56] for key in left} - {":l"}  # a lease may be gone by now
        assert {":s", ":u"} == kinds  # it would have let it pass
        assert await is_refused(quick, told)
        await until(lambda: quick.available and slow.available)
        assert await quick.read(told.user.id, told.session.id) is ENDED
        kept = states.pop()
        assert await quick.read(kept.user.id, kept.session.id) is None  # it starts cold
        await warm(quick, kept)
        assert await slow.read(kept.user.id, kept.session.id) == kept
        assert watched.primary() is not old


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
@pytest.mark.parametrize(
    ("watched", "end"), [(valkey_server, "killed"), (redis_server, "frozen")], indirect=["watched"]
)
async def test_a_primary_that_falls_silent_is_left_and_never_believed_again(
    watched: Constellation, end: str
) -> None:
    truth, before, during, after = Truth(), new_state(), new_state(), new_state()
    old = watched.primary()
    async with workers(watched, truth) as (here, there):
        for state in (before, during, after):
            await warm(here, state)
            assert await there.read(state.user.id, state.session.id) == state
        await log_out(here, truth, before)
        old.kill() if end == "killed" else old.freeze()
        await log_out(here, truth, during)
        for state in (before, during):
            for cache in (here, there):
                assert await is_refused(cache, state)

        await until(lambda: here.available)
        await log_out(here, truth, after)
        if end == "killed":
            await asyncio.to_thread(old.start)
        else:
            old.thaw()

        late = RedisSessionCache(Secret(watched.url), truth)
        await late.start()
        await until(lambda: late.available and there.available)
        for state in (before, during, after):
            for cache in (here, there, late):
                assert await is_refused(cache, state)
        for cache in (here, there, late):
            assert f":{old.port}," not in cache.connection._dialler.address
        await late.close()


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("watched", [valkey_server], indirect=True)
async def test_without_a_majority_of_sentinels_redis_is_not_used(watched: Constellation) -> None:
    """One that hangs costs nothing; two leave nobody who could say that the primary is one."""
    truth, state = Truth(), new_state()
    first, second, third = watched.sentinels
    async with workers(watched, truth) as (cache, _):
        await warm(cache, state)
        first.freeze()
        await asyncio.sleep(1.5 * TRUST)

        async def answers() -> bool:
            return await cache.read(state.user.id, state.session.id) == state

        await until_true(answers)
        second.kill()
        await until(lambda: not cache.available)

        assert await cache.read(state.user.id, state.session.id) is None
        for said in (
            "no majority",
            f"{first.address}: it does not answer in time",
            f"{second.address}: it cannot be reached",
        ):
            await until(lambda said=said: said in (cache.trouble or ""))  # type: ignore[misc]
        facts = await sentinel_facts(Secret(watched.url))
        assert facts is not None
        assert facts.primary is None
        assert {first.address, second.address, third.address} == set(facts.strays)

        first.thaw()
        await until_true(answers)
        primary = watched.primary().address

        async def one_is_missing() -> bool:
            facts = await sentinel_facts(Secret(watched.url))
            assert facts is not None
            return (primary, 3, 3, 2, {second.address}) == (
                *(facts.primary, facts.listed, facts.known, facts.replicas),
                set(facts.strays),
            )

        await until_true(one_is_missing)


@pytest.mark.sec("SEC-65", "SEC-72")
@pytest.mark.parametrize("watched", [redis_server], indirect=True)
async def test_the_streams_follow_and_the_revocations_are_whole_on_the_new_primary(
    watched: Constellation,
) -> None:
    """A worker fills the stream again before it vouches for it: the last entries may be lost."""
    url, entry, event = Secret(watched.url), new_revocation(), new_cloud_event()
    stream = RedisRevocationStream(url, access_lifetime=LIFETIME)
    events = RedisEventStream(url, max_length=100)

    async def vouches() -> bool:
        with suppress(Unavailable):
            return await stream.confirm(now())
        return False

    async def fills() -> bool:
        with suppress(Unavailable):
            await stream.add([entry])
            return await vouches()
        return False

    await until_true(vouches)
    await until_true(fills)
    await publish(events, event)
    service = RedisRevocations(url)
    feed = service.follow(None)
    messages = iter(feed)
    snapshot = await asyncio.to_thread(next, messages)
    assert isinstance(snapshot, Snapshot)
    assert entry.session_id in {each.session_id for each in snapshot.revocations}
    old = watched.primary()
    await asyncio.to_thread(watched.fail_over)

    # what leads to the old primary ends at some moment, and whoever asks then is told to come again
    async def is_on_another() -> bool:
        with suppress(Unavailable):
            return not await stream.confirm(now())
        return False

    await until_true(is_on_another)
    await until_true(fills)
    await publish(events, event)

    new = await asyncio.to_thread(watched.primary)
    assert new is not old
    reader = client(url, max_connections=1)
    sessions = [fields[b"sid"].decode() for _, fields in await reader.xrange(STREAM)]
    assert str(entry.session_id) in sessions
    assert new.port == reader.connection_pool.connection_kwargs["port"]
    written = [fields[b"id"].decode() for _, fields in await reader.xrange("auth:events")]
    assert event.id == written[-1]

    def is_told_to_begin_anew() -> None:
        with suppress(SourceLost):
            assert Reset() in messages  # at the latest when nobody vouches for the old one
        feed.close()
        again = service.follow(snapshot.cursor)
        assert Reset() == next(iter(again))
        again.close()

    await asyncio.to_thread(is_told_to_begin_anew)
    await until_true(vouches)
    feed = service.follow(None)
    snapshot = await asyncio.to_thread(next, iter(feed))
    assert isinstance(snapshot, Snapshot)
    assert entry.session_id in {each.session_id for each in snapshot.revocations}
    feed.close()
    for each in (reader, stream, events):
        await (each.aclose() if each is reader else each.close())


@pytest.mark.sec("SEC-72")
async def test_servers_and_sentinels_speak_tls(folder: Path, certificates: Certificates) -> None:
    with constellation(redis_server(), folder, certificates) as watched:
        truth, state, url = Truth(), new_state(), Secret(watched.url)
        async with workers(watched, truth) as (here, there):
            await warm(here, state)
            await log_out(there, truth, state)
            assert await here.read(state.user.id, state.session.id) is ENDED
        primary = watched.primary().address

        async def is_named() -> bool:
            facts = await sentinel_facts(url)
            return facts is not None and (primary, 2) == (facts.primary, facts.replicas)

        await until_true(is_named)
        events = RedisEventStream(url, max_length=100)
        await publish(events, new_cloud_event())
        await events.close()

        def is_read() -> bool:
            feed = RedisRevocations(url).follow(None)
            with pytest.raises(SourceLost) as lost:
                next(iter(feed))
            feed.close()
            return "nobody vouches" in str(lost.value)  # or its sentinels were too slow

        await until_true(lambda: asyncio.to_thread(is_read))

        theirs = watched.url.replace(
            *map(quote_plus, (str(certificates.ca_path), str(certificates.other_ca_path)))
        )
        stranger = RedisSessionCache(Secret(theirs), truth)
        await stranger.start()
        await until(lambda: "no majority" in (stranger.trouble or ""))
        await stranger.close()
