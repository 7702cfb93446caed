"""Limits in a cluster: each subject is counted by the node that has its slot."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.redis.cluster.connection import ClusterConnection
from adapters.redis.cluster.redirect import Redirected
from adapters.redis.cluster.slots import slot_of_tag
from adapters.redis.counter import IN_FLIGHT_LIMIT, Call, Counter, tell_local
from adapters.redis.trouble import LinkLost, Refused


class ClusterCounter:
    """A `Counter` on all primaries. Calls for one node leave in one batch."""

    def __init__(self, connection: ClusterConnection) -> None:
        self._connection = connection
        self._refused = False
        self._in_flight = 0
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def in_use(self) -> bool:
        """See `Counter.in_use`; False while one primary is away."""
        return not self._refused and self._connection.trouble is None

    async def run(self, calls: Sequence[Call]) -> list[object] | None:
        """See `Counter.run`."""
        if self._in_flight + len(calls) > IN_FLIGHT_LIMIT:
            return None
        self._in_flight += len(calls)
        try:
            answers = await asyncio.gather(*(self._run(call) for call in calls))
        except (LinkLost, Redirected):
            return None
        except Refused as refused:
            if not self._refused:
                self._refused = True
                tell_local(refused)
            return None
        finally:
            self._in_flight -= len(calls)
        self._refused = False
        return answers

    def send(self, calls: Sequence[Call]) -> None:
        """See `Counter.send`."""
        for call in calls:
            task = asyncio.create_task(self._try(call), name="redis-cluster-counter")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, call: Call) -> object:
        return await self._connection.run(slot_of_tag(call.tag), call.command)

    async def _try(self, call: Call) -> object:
        try:
            return await self._run(call)
        except (LinkLost, Refused):
            return None


if TYPE_CHECKING:
    _: type[Counter] = ClusterCounter
