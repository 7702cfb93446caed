"""A cluster of Redis or Valkey: several primaries, each with a part of the slots."""

from adapters.redis.cluster.connection import ClusterConnection
from adapters.redis.cluster.session_cache import ClusterSessionCache

__all__ = ["ClusterConnection", "ClusterSessionCache"]
