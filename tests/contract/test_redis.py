"""The session cache contract on a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.redis import RedisSessionCache
from auth_core.kernel import Secret, SessionId, UserId
from auth_core.testing.contracts import (
    Flush,
    SessionCacheContract,
    UnreachableSessionCacheContract,
)


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
