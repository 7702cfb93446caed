"""The session cache that a Redis URL needs."""

from datetime import timedelta

from adapters.redis.cluster.dial import is_cluster_url
from adapters.redis.cluster.session_cache import ClusterSessionCache
from adapters.redis.session_cache import DEFAULT_TTL, RecentlyEnded, RedisSessionCache
from auth_core.kernel import NO_METRICS, Metrics, Secret


def session_cache_at(
    url: Secret[str],
    recently_ended: RecentlyEnded,
    *,
    ttl: timedelta = DEFAULT_TTL,
    metrics: Metrics = NO_METRICS,
) -> RedisSessionCache | ClusterSessionCache:
    """One that is not started yet. See `RedisSessionCache` for what it is told."""
    kind = ClusterSessionCache if is_cluster_url(url) else RedisSessionCache
    return kind(url, recently_ended, ttl=ttl, metrics=metrics)
