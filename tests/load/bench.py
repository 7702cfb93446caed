"""One run: servers, services and helpers, all started here and all gone at the end."""

import asyncio
import json
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import asyncpg
import redis

from adapters.embedded import EmbeddedServers
from tests.load import client
from tests.load.client import BenchError, Job
from tests.load.floors import CREATE_TABLE, REDIS_KEY
from tests.load.machine import Cores, begin_helper, cores, on_core
from tests.load.service import OUR_COMMAND
from tests.service_role import as_service

CLIENT = {
    "client_id": "bench",
    "client_secret": secrets.token_hex(32),
    "allow": ["introspect", "revocations"],
}
"""A registered caller of our services."""


@dataclass(frozen=True)
class Place:
    """The servers of a run, and what a process needs to know about them."""

    cores: Cores
    folder: Path
    redis: "redis.Redis"
    database_url: str
    environ: Mapping[str, str]

    @property
    def postgres_log(self) -> Path:
        """Where PostgreSQL writes."""
        return self.folder / "data" / "log" / "postgres.log"

    @property
    def service_log(self) -> Path:
        """Where the services write: a file, so that logging is part of what is measured."""
        return self.folder / "service.log"


class Generator:
    """The load generator's process."""

    def __init__(self, pool: ProcessPoolExecutor, connections: int) -> None:
        self._pool = pool
        self.connections = connections

    def send(
        self,
        port: int,
        requests: Sequence[bytes],
        *,
        status: int,
        connections: int | None = None,
        keep_bodies: bool = False,
    ) -> client.Outcome:
        """Send all requests and wait for the answers. Raises BenchError."""
        job = Job(port, requests, status, connections or self.connections, keep_bodies)
        return self._pool.submit(client.run, job).result()


@contextmanager
def servers() -> Iterator[Place]:
    """PostgreSQL and Valkey with an up-to-date schema, all of it in a temporary folder."""
    pair = cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fm-auth-bench-")))
        folder.chmod(0o755)  # PostgreSQL may have to run as another user than we
        stack.enter_context(on_core(pair.rest))
        embedded = EmbeddedServers(folder / "data")
        stack.callback(embedded.stop)
        endpoints = embedded.start()
        environ = {
            "ENVIRONMENT": "development",
            "LOG_FORMAT": "json",
            "DATABASE_URL": endpoints.service_url,
            "DATABASE_OWNER_URL": endpoints.database_url,
            "REDIS_URL": endpoints.redis_url,
            "AUTH_MASTER_KEY": secrets.token_hex(32),
            "AUTH_CLIENTS": json.dumps([CLIENT]),
            # a toy hash, so that what the service itself costs shows
            "AUTH_ARGON2_MEMORY_KIB": "8",
            "AUTH_ARGON2_TIME_COST": "1",
        }
        _prepare(environ)
        valkey = stack.enter_context(redis.Redis.from_url(endpoints.redis_url))
        valkey.set(REDIS_KEY, b"x" * 300)
        yield Place(pair, folder, valkey, endpoints.database_url, environ)


def own_database(place: Place, name: str, **settings: str) -> Place:
    """A migrated database beside the one of the place, and ``settings`` for a service on it."""
    head, _, query = place.database_url.partition("?")
    url = f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    async def create() -> None:
        connection = await asyncpg.connect(place.database_url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    environ = {
        **place.environ,
        **settings,
        "DATABASE_URL": as_service(url),
        "DATABASE_OWNER_URL": url,
    }
    _prepare(environ)
    return replace(place, database_url=url, environ=environ)


@contextmanager
def helper(core: int) -> Iterator[ProcessPoolExecutor]:
    """One other process that calls functions for us."""
    pool = ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=begin_helper, initargs=(core,)
    )
    try:
        yield pool
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # it may be in the middle of a round
        pool.shutdown(cancel_futures=True)


def _prepare(environ: Mapping[str, str]) -> None:
    """Make our tables and the one of the floor."""
    done = subprocess.run(
        [OUR_COMMAND[0], "migrate"],
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"fm-auth migrate failed:\n{done.stdout}{done.stderr}")
    asyncio.run(_make_floor_table(environ["DATABASE_OWNER_URL"]))


async def _make_floor_table(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(CREATE_TABLE)
    await connection.close()
