"""The relay: how many events a second it takes to a stream, and how late they are there."""

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from redis.asyncio import Redis

from adapters.nats import NatsEventStream
from adapters.postgres import Database, PostgresUnitOfWork
from adapters.redis import EVENT_STREAM, RedisEventStream
from adapters.system import SystemClock
from app.worker import EVENT_SECONDS
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.kernel import Secret, UserId
from auth_core.testing.contracts.event_publisher import SOURCE, new_event
from auth_core.testing.contracts.making import fresh_id, now
from tests.load.bench import Place, helper, own_database
from tests.load.client import BenchError
from tests.load.machine import on_core
from tests.nats_server import NatsServer

BACKLOG = 20_000
PER_SECOND, SECONDS = 2_000, 10
_IN_A_COMMIT = 10
_USERS = 500
_PATIENCE = 120.0
_NATS_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


@dataclass(frozen=True)
class Relayed:
    """A backlog: events per second of the clock, and of the relay's CPU time."""

    per_second: float
    per_cpu_second: float


@dataclass(frozen=True)
class Relaying:
    """``nats`` is None without a nats-server. The rest at `PER_SECOND` events for some seconds:
    from just before an event's commit until a consumer of the stream has it.
    """

    redis: Relayed
    nats: Relayed | None
    p50_ms: float
    p99_ms: float
    busy: float
    """The part of its core that the relay used meanwhile."""


def relaying(place: Place) -> Relaying:
    """Measure all of it, on a database of its own. Raises BenchError."""
    own = own_database(place, "relaying")
    url, redis_url = own.environ["DATABASE_URL"], own.environ["REDIS_URL"]
    with helper(place.cores.rest) as pool:
        pool.submit(_fill, url, BACKLOG).result()
    with helper(place.cores.service) as relay, helper(place.cores.rest) as world:
        to_redis = relay.submit(_relay, url, "redis", redis_url, BACKLOG, 0.0).result()
        to_nats = _to_nats(place, relay, url)
        heard = world.submit(_write_and_read, url, redis_url)
        seconds, cpu = relay.submit(
            _relay, url, "redis", redis_url, PER_SECOND * SECONDS, EVENT_SECONDS
        ).result()
        late = sorted(heard.result())
    return Relaying(
        redis=Relayed(BACKLOG / to_redis[0], BACKLOG / to_redis[1]),
        nats=to_nats,
        p50_ms=late[len(late) // 2] * 1000,
        p99_ms=late[len(late) * 99 // 100] * 1000,
        busy=cpu / seconds,
    )


def _to_nats(place: Place, relay: ProcessPoolExecutor, url: str) -> Relayed | None:
    if shutil.which("nats-server", path=_NATS_PATH) is None:
        return None
    with _nats(place) as nats_url:
        seconds, cpu = relay.submit(_relay, url, "nats", nats_url, BACKLOG, 0.0).result()
    return Relayed(BACKLOG / seconds, BACKLOG / cpu)


@contextmanager
def _nats(place: Place) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fm-nats-") as folder, on_core(place.cores.rest):
        server = NatsServer(Path(folder))
        try:
            asyncio.run(server.start())
            yield server.direct_url
        finally:
            server.close()


def _relay(url: str, kind: str, stream_url: str, count: int, nap: float) -> tuple[float, float]:
    """Relay ``count`` events as the worker does; returns the seconds, and those of CPU."""
    return asyncio.run(_relay_all(url, kind, stream_url, count, nap))


async def _relay_all(
    url: str, kind: str, stream_url: str, count: int, nap: float
) -> tuple[float, float]:
    database = Database(Secret(url))
    secret = Secret(stream_url)
    stream = (
        RedisEventStream(secret, max_length=1_000_000)
        if kind == "redis"
        else NatsEventStream(secret, stream="BENCH", max_length=1_000_000)
    )
    relay = EventRelay(
        lambda: PostgresUnitOfWork(database), stream, SOURCE, SystemClock(), EventRelayPolicy()
    )
    done = await relay.run() if nap else 0  # connected, as a worker is
    began, cpu = time.perf_counter(), time.process_time()
    while done < count:
        done += await relay.run()
        if relay.problem or time.perf_counter() - began > _PATIENCE:
            raise BenchError(f"{done} of {count} events were relayed: {relay.problem or 'slow'}")
        await asyncio.sleep(nap * random.uniform(0.9, 1.1))
    used = time.perf_counter() - began, time.process_time() - cpu
    await stream.close()
    await database.close()
    return used


def _fill(url: str, count: int) -> None:
    asyncio.run(_fill_all(url, count))


async def _fill_all(url: str, count: int) -> None:
    database = Database(Secret(url))
    users = [UserId(fresh_id()) for _ in range(_USERS)]
    for start in range(0, count, 500):
        async with PostgresUnitOfWork(database) as uow:
            await uow.outbox.add([new_event(users[n % _USERS]) for n in range(start, start + 500)])
            await uow.commit()
    await database.close()


def _write_and_read(url: str, redis_url: str) -> list[float]:
    """How many seconds after it happened each event was there."""
    return asyncio.run(_write_and_read_all(url, redis_url))


async def _write_and_read_all(url: str, redis_url: str) -> list[float]:
    database = Database(Secret(url), pool_size=4, max_overflow=0)
    users = [UserId(fresh_id()) for _ in range(_USERS)]
    total = PER_SECOND * SECONDS

    async def write(first: int) -> None:
        async with PostgresUnitOfWork(database) as uow:
            numbers = range(first, first + _IN_A_COMMIT)
            await uow.outbox.add([new_event(users[n % _USERS]) for n in numbers])
            await uow.commit()

    async def read(since: bytes) -> list[float]:
        late: list[float] = []
        async with Redis.from_url(redis_url, socket_timeout=None) as client:
            while len(late) < total:
                answer = await client.xread({EVENT_STREAM: since}, count=1000, block=30_000)
                if not answer:
                    raise BenchError(f"{len(late)} of {total} events arrived")
                moment, entries = now(), answer[0][1]
                since = entries[-1][0]
                for _, fields in entries:
                    event = msgspec.json.decode(fields[b"event"], type=_Told)
                    late.append((moment - event.time).total_seconds())
        return late

    async with Redis.from_url(redis_url) as client:
        [(last, _)] = await client.xrevrange(EVENT_STREAM, count=1)
    reading = asyncio.create_task(read(last))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for first in range(0, total, _IN_A_COMMIT):
            await asyncio.sleep(max(0.0, began + first / PER_SECOND - time.perf_counter()))
            group.create_task(write(first))
    late = await reading
    await database.close()
    return late


class _Told(msgspec.Struct):
    time: datetime
