"""The contracts of what uses Redis, on whatever the sentinels name."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.redis import EVENT_STREAM, RedisEventStream, RedisRevocationStream, RedisSessionCache
from adapters.redis.modes import client
from adapters.redis.revocation_stream import OLD_WORDS_SECONDS
from adapters.redis.sentinel_url import parse_sentinel_url
from adapters.redis.sentinels import Sentinels
from auth_core.events import CloudEvent
from auth_core.kernel import Secret
from auth_core.testing.contracts import (
    EventPublisherContract,
    Flush,
    ReadBack,
    RevocationStreamContract,
    SessionCacheContract,
)
from auth_core.testing.contracts.revocation_stream import LIFETIME
from tests.e2e.running import eventually
from tests.integration.redis.valkey_process import Truth, until
from tests.operations.constellation import Constellation, constellation, redis_server


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Constellation]:
    """One for all of them, whose primary is no new one: each worker would fill its stream."""
    folder: Path = tmp_path_factory.mktemp("settled")
    with constellation(redis_server(), folder) as running:
        eventually(lambda: running.age() > OLD_WORDS_SECONDS)
        yield running


@pytest.fixture
def url(settled: Constellation) -> Secret[str]:
    return Secret(settled.url)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict about the speed of the machine."""
    monkeypatch.setattr("adapters.redis.sentinels.ASK_LIMIT", 30.0)


@asynccontextmanager
async def reaching(url: Secret[str]) -> AsyncIterator[Any]:
    redis = client(url, max_connections=1)
    yield redis
    await redis.aclose()


@asynccontextmanager
async def running_cache(url: Secret[str]) -> AsyncIterator[RedisSessionCache]:
    cache = RedisSessionCache(url, Truth())
    await cache.start()
    await until(lambda: cache.available)
    yield cache
    await cache.close()


@pytest.fixture
def flush(url: Secret[str]) -> Flush:
    async def flush() -> None:
        async with reaching(url) as redis:
            await redis.flushdb()

    return flush


class TestSessionCache(SessionCacheContract):
    @pytest.fixture
    async def session_cache(self, url: Secret[str]) -> AsyncIterator[RedisSessionCache]:
        async with running_cache(url) as cache:
            yield cache

    @pytest.fixture
    async def peer_session_cache(self, url: Secret[str]) -> AsyncIterator[RedisSessionCache]:
        async with running_cache(url) as cache:
            yield cache


class TestRevocationStream(RevocationStreamContract):
    @pytest.fixture
    async def revocation_stream(self, url: Secret[str]) -> AsyncIterator[RedisRevocationStream]:
        stream = RedisRevocationStream(url, access_lifetime=LIFETIME)
        yield stream
        await stream.close()

    @pytest.fixture
    async def other_process(self, url: Secret[str]) -> AsyncIterator[RedisRevocationStream]:
        stream = RedisRevocationStream(url, access_lifetime=LIFETIME)
        yield stream
        await stream.close()


class TestEventStream(EventPublisherContract):
    @pytest.fixture
    async def publisher(self, url: Secret[str]) -> AsyncIterator[RedisEventStream]:
        stream = RedisEventStream(url, max_length=10_000)
        yield stream
        await stream.close()

    @pytest.fixture
    def published(self, url: Secret[str]) -> ReadBack:
        async def published() -> list[CloudEvent]:
            async with reaching(url) as redis:
                entries = await redis.xrange(EVENT_STREAM)
            return [msgspec.json.decode(each[b"event"], type=CloudEvent) for _, each in entries]

        return published


async def test_whoever_was_cut_off_while_asking_is_in_nobodys_way(
    settled: Constellation, url: Secret[str]
) -> None:
    sentinels = Sentinels(parse_sentinel_url(url))
    for turns in range(20):
        asking = asyncio.ensure_future(sentinels.agree())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        assert (await sentinels.agree()).primary.port == settled.primary().port
    await sentinels.close()
