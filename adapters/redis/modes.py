"""What a Redis URL leads to: the one place that tells the modes of Redis apart.

Whatever wants a link or a client of redis-py asks here, so that all of it follows in every mode.
"""

from typing import Any, cast

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.cluster import RedisCluster as BlockingCluster
from redis.retry import Retry as BlockingRetry
from redis.sentinel import Sentinel

from adapters.redis.cluster.dial import ClusterUrl, is_cluster_url
from adapters.redis.cluster.holder import HolderPool
from adapters.redis.dial import Dialler, ServerDialler
from adapters.redis.primary_pool import PrimaryPool
from adapters.redis.sentinel_dial import SentinelDialler
from adapters.redis.sentinel_url import is_sentinel_url, parse_sentinel_url
from adapters.redis.sentinels import Agreement
from auth_core.kernel import Secret

_PLACE = frozenset({"host", "port", "db"})


def dialler(url: Secret[str]) -> Dialler:
    """What opens links for a process."""
    return SentinelDialler(url) if is_sentinel_url(url) else ServerDialler(url)


def client(url: Secret[str], *, max_connections: int, key: str = "") -> Redis:
    """A client of redis-py; in a cluster for the keys in the slot of ``key``.

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
        return Redis.from_pool(HolderPool(url, key, **options))
    if is_sentinel_url(url):
        return Redis.from_pool(PrimaryPool(parse_sentinel_url(url), **options))
    return Redis.from_url(url.reveal(), **options)


def blocking_client(url: Secret[str], *, answer_seconds: float) -> BlockingRedis:
    """A client for a thread: one connection, texts, and nothing is tried twice."""
    options: dict[str, Any] = {
        "protocol": 2,
        "max_connections": 1,
        "decode_responses": True,
        "socket_timeout": answer_seconds,
        "socket_connect_timeout": answer_seconds,
        "retry": BlockingRetry(NoBackoff(), 0),
    }
    if is_cluster_url(url):
        return _blocking_cluster(url, options)
    if not is_sentinel_url(url):
        return BlockingRedis.from_url(url.reveal(), **options)
    said = parse_sentinel_url(url)
    asking = {**options, **said.sentinel, "ssl": said.tls}
    sentinels = Sentinel(said.hosts, sentinel_kwargs=asking, **options)  # type: ignore[no-untyped-call]
    primary = sentinels.master_for(said.master_set, ssl=said.tls, **said.server)  # type: ignore[no-untyped-call]
    return cast("BlockingRedis", primary)


def _blocking_cluster(url: Secret[str], options: dict[str, Any]) -> BlockingRedis:
    nodes = ClusterUrl(url)
    known = {name: value for name, value in nodes.options.items() if name not in _PLACE}
    seeds = [ClusterNode(each.host, each.port) for each in nodes.seeds]  # type: ignore[no-untyped-call]
    cluster = BlockingCluster(
        startup_nodes=seeds,
        ssl=nodes.by_name,
        **known,
        **options,
    )
    # it has the commands of a client for one server
    return cast("BlockingRedis", cluster)


def place_of(client: object, key: str) -> object:
    """What is another once a client has gone over to another server for a key by itself."""
    if isinstance(client, BlockingCluster):
        return client.get_node_from_key(key)  # type: ignore[no-untyped-call]
    return getattr(getattr(client, "connection_pool", None), "master_address", None)


async def primary_of(client: Redis) -> Agreement | None:
    """Where a client leads now, and since when; None if it always leads to the same server.

    It goes on leading there for a second or so. Raises ConnectionError of redis-py.
    """
    pool = client.connection_pool
    return await pool.primary() if isinstance(pool, PrimaryPool | HolderPool) else None


def beside(url: Secret[str], key: str, name: str) -> str:
    """The key ``key:name``; in a cluster with a hash tag that puts it into the slot of ``key``."""
    return f"{{{key}}}:{name}" if is_cluster_url(url) else f"{key}:{name}"
