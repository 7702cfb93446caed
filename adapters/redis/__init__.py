"""Redis and Valkey: the session cache, limits, the revocation stream and reading it elsewhere."""

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
    "Digests",
    "LocalFailureSpread",
    "LocalRateLimiter",
    "RecentlyEnded",
    "RedisFailureSpread",
    "RedisRateLimiter",
    "RedisRevocationStream",
    "RedisRevocations",
    "RedisSessionCache",
    "resync_window",
]
