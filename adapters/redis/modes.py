"""What a Redis URL leads to: the one place that tells the modes of Redis apart.

Whatever wants a link or a client of redis-py asks here, so that all of it follows in every mode.
"""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.redis.cluster.dial import is_cluster_url
from adapters.redis.cluster.holder import holder_pool
from adapters.redis.dial import Dialler, ServerDialler
from auth_core.kernel import Secret


def dialler(url: Secret[str]) -> Dialler:
    """What opens links for a process."""
    return ServerDialler(url)


def client(url: Secret[str], *, key: str, max_connections: int) -> Redis:
    """A client of redis-py for the keys in the slot of ``key``.

    It never tries again and never gives up by itself: its caller does.
    """
    options: dict[str, Any] = {
        "protocol": 2,
        "max_connections": max_connections,
        # not redis-py's time-outs: it has wait_for keep them, which before Python 3.12 may
        # swallow a cancellation
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
    }
    if is_cluster_url(url):
        return Redis.from_pool(holder_pool(url, key, **options))
    return Redis.from_url(url.reveal(), **options)


def beside(url: Secret[str], key: str, name: str) -> str:
    """The key ``key:name``; in a cluster with a hash tag that puts it into the slot of ``key``."""
    return f"{{{key}}}:{name}" if is_cluster_url(url) else f"{key}:{name}"
