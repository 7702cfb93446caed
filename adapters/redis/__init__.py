"""Redis and Valkey: the session cache and the revocation stream."""

from adapters.redis.revocation_stream import RedisRevocationStream
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
    "RedisSessionCache",
    "resync_window",
]
