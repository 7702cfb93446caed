"""The session cache contract on a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from adapters.redis import (
    EVENT_STREAM,
    Digests,
    LocalFailureSpread,
    LocalRateLimiter,
    RedisEventStream,
    RedisFailureSpread,
    RedisRateLimiter,
    RedisRevocationStream,
    RedisSessionCache,
)
from adapters.redis.revocation_stream import AS_OF, STREAM
from auth_core.events import CloudEvent, PublishingFailed
from auth_core.kernel import Secret, SessionId, Unavailable, UserId
from auth_core.testing.contracts import (
    EventPublisherContract,
    FailureSpreadContract,
    Flush,
    PassTime,
    RateLimiterContract,
    ReadBack,
    RevocationStreamContract,
    SessionCacheContract,
    UnreachableSessionCacheContract,
)
from auth_core.testing.contracts.event_publisher import new_cloud_event
from auth_core.testing.contracts.making import now
from auth_core.testing.contracts.revocation_stream import LIFETIME, new_revocation


@asynccontextmanager
async def running_cache(url: str) -> AsyncIterator[RedisSessionCache]:
    async def recently_ended() -> list[tuple[UserId, SessionId]]:
        return []

    cache = RedisSessionCache(Secret(url), recently_ended)
    await cache.start()
    yield cache
    await cache.close()


@pytest.fixture
def own_database_url(redis_url: str) -> str:
    """A database of the server that may be flushed while other tests use the others."""
    server, _, options = redis_url.partition("?")
    return f"{server}?db=15&{options}"


@pytest.fixture
def flush(own_database_url: str) -> Flush:
    async def flush() -> None:
        async with Redis.from_url(own_database_url) as client:
            await client.flushdb()

    return flush


@pytest.fixture
async def session_cache(own_database_url: str) -> AsyncIterator[RedisSessionCache]:
    async with running_cache(own_database_url) as cache:
        yield cache


class TestRedisSessionCache(SessionCacheContract):
    @pytest.fixture
    async def peer_session_cache(self, own_database_url: str) -> AsyncIterator[RedisSessionCache]:
        async with running_cache(own_database_url) as cache:
            yield cache


class TestUnreachableRedisSessionCache(UnreachableSessionCacheContract):
    @pytest.fixture
    async def unreachable_session_cache(self, tmp_path: Path) -> AsyncIterator[RedisSessionCache]:
        async with running_cache(f"unix://{tmp_path}/nobody.sock") as cache:
            yield cache


@pytest.fixture
def pass_time(own_database_url: str) -> PassTime:
    """Makes the server forget as it would later: limits are moved, what expires is expired."""

    async def pass_time(seconds: float) -> None:
        async with Redis.from_url(own_database_url) as client:
            async for key in client.scan_iter(match="fm:{*}:limit:*"):
                tat, left = await client.get(key), await client.pttl(key)
                if tat is not None:
                    moved = int(tat) - int(seconds * 1_000_000)
                    await client.set(key, moved, px=max(left - int(seconds * 1000), 1))
            async for key in client.scan_iter(match="fm:{*}:spread"):
                await client.pexpire(key, await client.pttl(key) - int(seconds * 1000))

    return pass_time


DIGESTS = Digests(Secret(b"a key that all processes have"))


class TestRedisRateLimiter(RateLimiterContract):
    @pytest.fixture
    async def rate_limiter(self, session_cache: RedisSessionCache) -> RedisRateLimiter:
        return RedisRateLimiter(session_cache.connection, DIGESTS, LocalRateLimiter())

    @pytest.fixture
    async def peer_rate_limiter(self, own_database_url: str) -> AsyncIterator[RedisRateLimiter]:
        async with running_cache(own_database_url) as cache:
            yield RedisRateLimiter(cache.connection, DIGESTS, LocalRateLimiter())


class TestRedisFailureSpread(FailureSpreadContract):
    @pytest.fixture
    async def failure_spread(self, session_cache: RedisSessionCache) -> RedisFailureSpread:
        return RedisFailureSpread(session_cache.connection, DIGESTS, LocalFailureSpread())

    @pytest.fixture
    async def peer_failure_spread(self, own_database_url: str) -> AsyncIterator[RedisFailureSpread]:
        async with running_cache(own_database_url) as cache:
            yield RedisFailureSpread(cache.connection, DIGESTS, LocalFailureSpread())


class TestLocalLimits(RateLimiterContract, FailureSpreadContract):
    """What counts while Redis is away, granted the whole limit."""

    @pytest.fixture
    def now(self) -> list[int]:
        return [0]

    @pytest.fixture
    def pass_time(self, now: list[int]) -> PassTime:
        async def pass_time(seconds: float) -> None:
            now[0] += int(seconds * 1_000_000)

        return pass_time

    @pytest.fixture
    def rate_limiter(self, now: list[int]) -> LocalRateLimiter:
        return LocalRateLimiter(share=1, now=lambda: now[0])

    @pytest.fixture
    def peer_rate_limiter(self, rate_limiter: LocalRateLimiter) -> LocalRateLimiter:
        return rate_limiter

    @pytest.fixture
    def failure_spread(self, now: list[int]) -> LocalFailureSpread:
        return LocalFailureSpread(now=lambda: now[0])

    @pytest.fixture
    def peer_failure_spread(self, failure_spread: LocalFailureSpread) -> LocalFailureSpread:
        return failure_spread


@asynccontextmanager
async def running_stream(url: str) -> AsyncIterator[RedisRevocationStream]:
    stream = RedisRevocationStream(Secret(url), access_lifetime=LIFETIME)
    yield stream
    await stream.close()


class TestRedisRevocationStream(RevocationStreamContract):
    @pytest.fixture
    async def revocation_stream(
        self, own_database_url: str
    ) -> AsyncIterator[RedisRevocationStream]:
        async with running_stream(own_database_url) as stream:
            yield stream

    @pytest.fixture
    async def other_process(self, own_database_url: str) -> AsyncIterator[RedisRevocationStream]:
        async with running_stream(own_database_url) as stream:
            yield stream


class TestRedisEventStream(EventPublisherContract):
    @pytest.fixture
    async def publisher(self, own_database_url: str) -> AsyncIterator[RedisEventStream]:
        stream = RedisEventStream(Secret(own_database_url), max_length=10_000)
        yield stream
        await stream.close()

    @pytest.fixture
    def published(self, own_database_url: str) -> ReadBack:
        async def published() -> list[CloudEvent]:
            async with Redis.from_url(own_database_url) as client:
                entries = await client.xrange(EVENT_STREAM)
            events = [msgspec.json.decode(each[b"event"], type=CloudEvent) for _, each in entries]
            assert [each[b"id"].decode() for _, each in entries] == [each.id for each in events]
            return events

        return published


async def test_a_stream_of_events_keeps_to_its_length(own_database_url: str) -> None:
    stream = RedisEventStream(Secret(own_database_url), max_length=100)
    await stream.publish([new_cloud_event(sequence=number) for number in range(1, 501)])
    await stream.close()
    async with Redis.from_url(own_database_url) as client:
        assert 100 <= await client.xlen(EVENT_STREAM) <= 300


@pytest.mark.sec("SEC-65", "SEC-72")
async def test_a_redis_that_cannot_take_events_takes_none_and_says_why(
    own_database_url: str, tmp_path: Path, flush: Flush
) -> None:
    gone = RedisEventStream(Secret(f"unix://{tmp_path}/nobody.sock"), max_length=100)
    with pytest.raises(PublishingFailed, match="redis_unreachable"):
        await gone.publish([new_cloud_event()])
    await gone.close()
    await flush()
    async with Redis.from_url(own_database_url) as client:
        await client.set(EVENT_STREAM, "in the way")
        stream = RedisEventStream(Secret(own_database_url), max_length=100)
        with pytest.raises(PublishingFailed, match="redis_refused"):
            await stream.publish([new_cloud_event(), new_cloud_event()])
        await client.delete(EVENT_STREAM)
        await stream.publish([new_cloud_event()])
        assert 1 == await client.xlen(EVENT_STREAM)
        await stream.close()


@pytest.mark.sec("SEC-72")
async def test_an_unreachable_stream_says_so(tmp_path: Path) -> None:
    async with running_stream(f"unix://{tmp_path}/nobody.sock") as stream:
        with pytest.raises(Unavailable):
            await stream.add([new_revocation()])
        with pytest.raises(Unavailable):
            await stream.confirm(now())
        with pytest.raises(Unavailable):
            await anext(stream.follow())


async def test_a_verifier_can_read_the_stream_and_up_to_when_it_is_complete(
    own_database_url: str, flush: Flush
) -> None:
    await flush()
    revocation, as_of = new_revocation(), now()
    async with running_stream(own_database_url) as stream:
        await stream.confirm(as_of)
        await stream.add([revocation])
        assert await stream.confirm(as_of)
        async with Redis.from_url(own_database_url) as client:
            [(_, fields)] = await client.xrange(STREAM)
            milliseconds = int(await client.get(AS_OF))
            lives = await client.pttl(AS_OF)

    assert {
        b"sid": str(revocation.session_id).encode(),
        b"exp": str(int(revocation.expires_at.timestamp())).encode(),
    } == fields
    assert int(as_of.timestamp() * 1000) == milliseconds
    assert 0 < lives <= 5000


async def test_entries_that_no_token_can_concern_are_trimmed(
    own_database_url: str, flush: Flush
) -> None:
    await flush()
    async with running_stream(own_database_url) as stream:
        await stream.confirm(now())
        async with Redis.from_url(own_database_url) as client:
            for index in range(300):  # whole nodes of the stream go at a time
                await client.xadd(STREAM, {"sid": "old", "exp": 1}, id=f"{index + 1}-1")
            await stream.add([new_revocation()])
            assert await stream.confirm(now())
            left = await client.xlen(STREAM)

    assert left <= 101
