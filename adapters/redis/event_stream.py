"""Events in a Redis or Valkey stream, for consumer groups of other services.

``auth:events`` has entries of the fields ``id`` (of the event, the same on a repeat), ``type``,
``subject`` and ``event`` (CloudEvents 1.0, JSON). The server names the entries. It is one key, so
that a cluster has it in one place. What a flush takes is still in the outbox: it can be replayed.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError

from adapters.redis.modes import client
from auth_core.events import CloudEvent, EventPublisher, PublishingFailed
from auth_core.kernel import Secret

EVENT_STREAM: Final = "auth:events"
_ANSWER_SECONDS = 5.0


class RedisEventStream:
    """One connection of its own."""

    name = "redis"

    def __init__(self, url: Secret[str], *, max_length: int) -> None:
        """``max_length``: about how many entries the stream keeps; the oldest go."""
        self._max_length = max_length
        self._client = client(
            url, key=EVENT_STREAM, max_connections=1
        )  # the relay tries again by itself

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """All in one transaction: a full server must not take the second without the first."""
        if not events:
            return
        pipeline = self._client.pipeline(transaction=True)
        for event in events:
            pipeline.xadd(EVENT_STREAM, _fields(event), maxlen=self._max_length, approximate=True)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await pipeline.execute()
        except TimeoutError as error:
            raise PublishingFailed("redis_too_slow") from error
        except (NoConnection, OSError) as error:
            raise PublishingFailed("redis_unreachable") from error
        except RedisError as error:
            raise PublishingFailed("redis_refused") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _fields(event: CloudEvent) -> dict[Any, Any]:
    return {"id": event.id, "type": event.type, "subject": event.subject, "event": event.encoded()}


if TYPE_CHECKING:
    _: type[EventPublisher] = RedisEventStream
