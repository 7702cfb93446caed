import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.redis import RedisSessionCache
from auth_core.kernel import Secret
from tests.integration.redis.valkey_process import MakeCache, Truth, ValkeyProcess, until

NOT_ASKED = "it has not been asked yet"


@pytest.fixture
def valkey() -> Iterator[ValkeyProcess]:
    """A server of the test's own, to be treated badly."""
    # not tmp_path: the path of a unix socket has at most 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="fmv", dir="/tmp"))
    process = ValkeyProcess(folder)
    try:
        process.start()
        yield process
    finally:
        process.kill()
        shutil.rmtree(folder)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
async def make_cache(redis_url: str, truth: Truth) -> AsyncIterator[MakeCache]:
    """Starts caches as different workers would; closes them in the end."""
    made: list[RedisSessionCache] = []

    async def make(url: str = redis_url, **options: object) -> RedisSessionCache:
        cache = RedisSessionCache(Secret(url), options.pop("truth", truth), **options)
        made.append(cache)
        await cache.start()
        # a busy machine may need more than the half second that a start waits
        await until(lambda: cache.available or cache.trouble != NOT_ASKED)
        return cache

    yield make
    for cache in made:
        await cache.close()


@pytest.fixture
async def cache(make_cache: MakeCache) -> RedisSessionCache:
    cache = await make_cache()
    assert cache.available
    return cache
