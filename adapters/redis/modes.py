"""What a Redis URL leads to: the one place that tells the modes of Redis apart.

Whatever wants a link or a client of redis-py asks here, so that all of it follows in every mode.
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.redis.dial import Dialler, ServerDialler
from auth_core.kernel import Secret


def dialler(url: Secret[str]) -> Dialler:
    """What opens links for a process."""
    return ServerDialler(url)


def client(url: Secret[str], *, max_connections: int) -> Redis:
    """A client of redis-py. It never tries again and never gives up by itself: its caller does."""
    return Redis.from_url(
        url.reveal(),
        protocol=2,
        max_connections=max_connections,
        # not redis-py's time-outs: it has wait_for keep them, which before Python 3.12 may
        # swallow a cancellation
        socket_timeout=None,
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), 0),
    )
