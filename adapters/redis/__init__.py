"""Redis and Valkey: the session cache, limits, the revocation stream and reading it elsewhere."""

from adapters.redis.caches import session_cache_at
from adapters.redis.cluster import ClusterSessionCache
from adapters.redis.event_stream import EVENT_STREAM, RedisEventStream
from adapters.redis.local_limits import DEFAULT_SHARE, LocalFailureSpread, LocalRateLimiter
from adapters.redis.rate_limiter import Digests, RedisFailureSpread, RedisRateLimiter
from adapters.redis.revocation_stream import RedisRevocationStream
from adapters.redis.revocations import RedisRevocations
from adapters.redis.session_cache import (
    DEFAULT_TTL,
    RecentlyEnded,
    RedisSessionCache,
    resync_window,
)

__all__ = [
    "DEFAULT_SHARE",
    "DEFAULT_TTL",
    "EVENT_STREAM",
    "ClusterSessionCache",
    "Digests",
    "LocalFailureSpread",
    "LocalRateLimiter",
    "RecentlyEnded",
    "RedisEventStream",
    "RedisFailureSpread",
    "RedisRateLimiter",
    "RedisRevocationStream",
    "RedisRevocations",
    "RedisSessionCache",
    "resync_window",
    "session_cache_at",
]
