"""The contracts of everything that uses Redis, on a cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from adapters.redis import (
    EVENT_STREAM,
    ClusterSessionCache,
    Digests,
    LocalFailureSpread,
    LocalRateLimiter,
    RedisEventStream,
    RedisFailureSpread,
    RedisRateLimiter,
    RedisRevocationStream,
)
from adapters.redis.cluster.slots import slot_of
from auth_core.events import CloudEvent
from auth_core.kernel import Secret, SessionId, UserId
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
from auth_core.testing.contracts.revocation_stream import LIFETIME
from tests.e2e.running import free_port
from tests.operations.cluster_nodes import Cluster

DIGESTS = Digests(Secret(b"a key that all processes have"))


@asynccontextmanager
async def running_cache(url: str) -> AsyncIterator[ClusterSessionCache]:
    async def recently_ended() -> list[tuple[UserId, SessionId]]:
        return []

    cache = ClusterSessionCache(Secret(url), recently_ended)
    await cache.start()
    yield cache
    await cache.close()


@pytest.fixture
def flush(cluster: Cluster) -> Flush:
    async def flush() -> None:
        cluster.flush()

    return flush


@pytest.fixture
async def session_cache(cluster: Cluster) -> AsyncIterator[ClusterSessionCache]:
    async with running_cache(cluster.url) as cache:
        yield cache


class TestClusterSessionCache(SessionCacheContract):
    @pytest.fixture
    async def peer_session_cache(self, cluster: Cluster) -> AsyncIterator[ClusterSessionCache]:
        async with running_cache(cluster.url) as cache:
            yield cache


class TestUnreachableClusterSessionCache(UnreachableSessionCacheContract):
    @pytest.fixture
    async def unreachable_session_cache(self) -> AsyncIterator[ClusterSessionCache]:
        async with running_cache(f"redis+cluster://127.0.0.1:{free_port()}") as cache:
            yield cache


@pytest.fixture
def pass_time(cluster: Cluster) -> PassTime:
    """Makes the nodes forget as they would later: limits are moved, what expires is expired."""

    async def pass_time(seconds: float) -> None:
        for client in cluster.clients():
            with client:
                for key in client.scan_iter(match="fm:{*}:limit:*"):
                    tat, left = client.get(key), client.pttl(key)
                    if tat is not None:
                        moved = int(tat) - int(seconds * 1_000_000)
                        client.set(key, moved, px=max(left - int(seconds * 1000), 1))
                for key in client.scan_iter(match="fm:{*}:spread"):
                    client.pexpire(key, client.pttl(key) - int(seconds * 1000))

    return pass_time


class TestClusterRateLimiter(RateLimiterContract):
    @pytest.fixture
    async def rate_limiter(self, session_cache: ClusterSessionCache) -> RedisRateLimiter:
        return RedisRateLimiter(session_cache.connection, DIGESTS, LocalRateLimiter())

    @pytest.fixture
    async def peer_rate_limiter(self, cluster: Cluster) -> AsyncIterator[RedisRateLimiter]:
        async with running_cache(cluster.url) as cache:
            yield RedisRateLimiter(cache.connection, DIGESTS, LocalRateLimiter())


class TestClusterFailureSpread(FailureSpreadContract):
    @pytest.fixture
    async def failure_spread(self, session_cache: ClusterSessionCache) -> RedisFailureSpread:
        return RedisFailureSpread(session_cache.connection, DIGESTS, LocalFailureSpread())

    @pytest.fixture
    async def peer_failure_spread(self, cluster: Cluster) -> AsyncIterator[RedisFailureSpread]:
        async with running_cache(cluster.url) as cache:
            yield RedisFailureSpread(cache.connection, DIGESTS, LocalFailureSpread())


@asynccontextmanager
async def running_stream(cluster: Cluster) -> AsyncIterator[RedisRevocationStream]:
    stream = RedisRevocationStream(Secret(cluster.url), access_lifetime=LIFETIME)
    yield stream
    await stream.close()


class TestClusterRevocationStream(RevocationStreamContract):
    @pytest.fixture
    async def revocation_stream(self, cluster: Cluster) -> AsyncIterator[RedisRevocationStream]:
        async with running_stream(cluster) as stream:
            yield stream

    @pytest.fixture
    async def other_process(self, cluster: Cluster) -> AsyncIterator[RedisRevocationStream]:
        async with running_stream(cluster) as stream:
            yield stream


class TestClusterEventStream(EventPublisherContract):
    @pytest.fixture
    async def publisher(self, cluster: Cluster) -> AsyncIterator[RedisEventStream]:
        stream = RedisEventStream(Secret(cluster.url), max_length=10_000)
        yield stream
        await stream.close()

    @pytest.fixture
    def published(self, cluster: Cluster) -> ReadBack:
        async def published() -> list[CloudEvent]:
            entries = cluster.holder_of(slot_of(EVENT_STREAM)).ask("XRANGE", EVENT_STREAM, "-", "+")
            return [msgspec.json.decode(each["event"], type=CloudEvent) for _, each in entries]

        return published
