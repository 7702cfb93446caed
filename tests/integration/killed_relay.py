"""A relay in a process of its own, that is killed where its first argument says."""

import asyncio
import os
import signal
import sys

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.redis import RedisEventStream
from adapters.system import SystemClock
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.kernel import Secret
from auth_core.testing.contracts.event_publisher import SOURCE

step, database_url, redis_url, batches = sys.argv[1:]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Stream(RedisEventStream):
    left = int(batches)

    async def publish(self, events):
        self.left -= 1
        if step == "claimed" and self.left == 0:
            die()
        await super().publish(events)
        if step == "published" and self.left == 0:
            die()


class Unit(PostgresUnitOfWork):
    async def commit(self):
        if step == "marked" and stream.left == 0:
            await self._entered._run_deferred()
            die()
        await super().commit()
        if step == "committed" and stream.left == 0:
            die()


database = Database(Secret(database_url))
stream = Stream(Secret(redis_url), max_length=100_000)


async def main() -> None:
    relay = EventRelay(
        lambda: Unit(database), stream, SOURCE, SystemClock(), EventRelayPolicy(batch=5)
    )
    await relay.run()


asyncio.run(main())
