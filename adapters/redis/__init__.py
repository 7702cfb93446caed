"""Redis and Valkey: the session cache, the revocation stream, and the way to read it elsewhere."""

from adapters.redis.revocation_stream import RedisRevocationStream
from adapters.redis.revocations import RedisRevocations
from adapters.redis.session_cache import (
    DEFAULT_TTL,
    RecentlyEnded,
    RedisSessionCache,
    resync_window,
)

__all__ = [
    "DEFAULT_TTL",
    "RecentlyEnded",
    "RedisRevocationStream",
    "RedisRevocations",
    "RedisSessionCache",
    "resync_window",
]
