"""Redis and Valkey: the session cache."""

from adapters.redis.session_cache import (
    DEFAULT_TTL,
    RecentlyEnded,
    RedisSessionCache,
    resync_window,
)

__all__ = ["DEFAULT_TTL", "RecentlyEnded", "RedisSessionCache", "resync_window"]
