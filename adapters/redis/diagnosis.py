"""What an operator should know of a Redis or Valkey server, over a connection of its own."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis.exceptions import RedisError

from adapters.redis.modes import client, dialler
from adapters.redis.trouble import describe
from auth_core.kernel import Clock, Secret, Unavailable

_PATIENCE_SECONDS = 3.0
_EVICTS_NOTHING = "noeviction"


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. ``ahead`` is by how much its clock surely leads ours."""

    server: str
    version: str
    mode: str
    role: str
    replicas: int
    policy: str
    max_memory: int
    used_memory: int
    ahead: timedelta

    @property
    def may_evict(self) -> bool:
        """Whether a full memory costs it keys of ours: all of them have a time to live, and every
        policy but one takes such keys.
        """
        return self.policy != _EVICTS_NOTHING


async def redis_facts(url: Secret[str], clock: Clock) -> RedisFacts:
    """Ask. Raises Unavailable with why it could not be asked, for an operator."""
    server = client(url, max_connections=1)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            info: dict[str, Any] = await server.info()
            before = clock.now()
            seconds, microseconds = await server.time()
            after = clock.now()
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(f"{dialler(url).address}: {describe(error)}") from error
    finally:
        await server.aclose()
    theirs = datetime.fromtimestamp(seconds, before.tzinfo) + timedelta(microseconds=microseconds)
    return RedisFacts(
        server="Valkey" if "valkey_version" in info else "Redis",
        version=str(info.get("valkey_version") or info.get("redis_version", "?")),
        mode=str(info.get("server_mode") or info.get("redis_mode", "?")),
        role=str(info.get("role", "?")),
        replicas=int(info.get("connected_slaves", 0)),
        policy=str(info.get("maxmemory_policy", "?")),
        max_memory=int(info.get("maxmemory", 0)),
        used_memory=int(info.get("used_memory", 0)),
        # it read its clock at some moment between the two
        ahead=theirs - min(max(theirs, before), after),
    )
