"""Round trips and rows of one request, counted by the servers, one request at a time."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import asyncpg

from tests.load.bench import Generator, Place
from tests.load.rounds import RedisCount
from tests.load.scenarios import USERS, Scenario
from tests.load.service import Started

_REQUESTS = 40
_REPEATS = 3
_SETTLE = 0.3
_RELOAD = "SELECT pg_reload_conf()"
# not those that set a statement's row scope: they travel with it and nobody waits for them
_STATEMENT = re.compile(rb"LOG:  (?:execute [^:]+|statement): (?!SELECT WHERE set_config)")
_ROWS = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
# a backend tells what it did when it ends: idle ones may keep it to themselves for ten seconds
_END_OTHERS = """\
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Counts:
    """Of one request, while no other is under way."""

    redis_trips: float
    statements: float
    rows: float


class Counter:
    """Asks the servers what a request made them do."""

    def __init__(self, place: Place, generator: Generator) -> None:
        self._place = place
        self._generator = generator

    def count(self, scenario: Scenario, service: Started) -> Counts:
        """Statements come from PostgreSQL's log, rows from its statistics, Redis from INFO."""
        requests = iter(scenario.prepare(USERS + _REQUESTS + _REPEATS * (1 + _REQUESTS)))

        def send(amount: int) -> None:
            some = list(islice(requests, amount))
            self._generator.send(service.port, some, status=scenario.status, connections=1)

        send(USERS)
        before = self._rows()
        send(_REQUESTS)
        rows = self._rows() - before
        with self._logged_statements():
            seen = [self._counted(send) for _ in range(_REPEATS)]
        trips, statements = zip(*seen, strict=True)
        # the least: the service's heartbeat, once a second, falls into some of them
        return Counts(min(trips), min(statements), rows / _REQUESTS)

    def _counted(self, send: Callable[[int], None]) -> tuple[float, float]:
        send(1)  # may open a connection and prepare its statements
        trips, begin = RedisCount(self._place.redis), self._place.postgres_log.stat().st_size
        send(_REQUESTS)
        redis_trips = trips.so_far() / _REQUESTS
        with self._place.postgres_log.open("rb") as log:
            log.seek(begin)
            return redis_trips, len(_STATEMENT.findall(log.read())) / _REQUESTS

    def _rows(self) -> int:
        """Rows written to our tables so far."""
        self._administer(_END_OTHERS)
        time.sleep(_SETTLE)  # so that the service has noticed
        found: int = self._administer(_ROWS)
        return found

    @contextmanager
    def _logged_statements(self) -> Iterator[None]:
        self._administer("ALTER SYSTEM SET log_statement = 'all'", _RELOAD)
        time.sleep(_SETTLE)
        try:
            yield
        finally:
            self._administer("ALTER SYSTEM RESET log_statement", _RELOAD)

    def _administer(self, *statements: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(self._place.database_url)
            try:
                return [await connection.fetchval(statement) for statement in statements][-1]
            finally:
                await connection.close()

        return asyncio.run(ask())
