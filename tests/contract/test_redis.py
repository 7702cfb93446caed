"""The session cache contract on a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.redis import RedisRevocationStream, RedisSessionCache
from adapters.redis.revocation_stream import AS_OF, STREAM
from auth_core.kernel import Secret, SessionId, Unavailable, UserId
from auth_core.testing.contracts import (
    Flush,
    RevocationStreamContract,
    SessionCacheContract,
    UnreachableSessionCacheContract,
)
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
