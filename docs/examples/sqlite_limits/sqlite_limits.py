"""Rate limits in an SQLite file, which all processes of one machine share."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from auth_core.kernel import Clock, Hit, RateLimiter, Verdict, judge, returned

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLE = "CREATE TABLE IF NOT EXISTS arrivals (key BLOB PRIMARY KEY, tat INTEGER NOT NULL)"
_READ = "SELECT tat FROM arrivals WHERE key = ?"
_KEEP = "INSERT OR REPLACE INTO arrivals (key, tat) VALUES (?, ?)"
_FORGET = "DELETE FROM arrivals WHERE key = ?"


class SqliteRateLimiter:
    """One row per limit and subject. ``file`` may be opened by any number of processes."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._clock = clock
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=10)
        self._connection.execute(_TABLE)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """Count all or none, in one transaction."""
        with self._alone() as now:
            verdicts = [judge(hit.limit, tat=self._tat(hit), now=now) for hit in hits]
            if all(verdict.allowed for verdict in verdicts):
                for hit, verdict in zip(hits, verdicts, strict=True):
                    self._connection.execute(_KEEP, (_key(hit), now + verdict.ahead))
        return verdicts

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """Take back one of each."""
        with self._alone() as now:
            for hit in hits:
                tat = self._tat(hit)
                left = None if tat is None else returned(hit.limit, tat=tat, now=now)
                if left is None:
                    self._connection.execute(_FORGET, (_key(hit),))
                else:
                    self._connection.execute(_KEEP, (_key(hit), left))

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """A transaction that nobody else writes in meanwhile; the microseconds of now."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield (self._clock.now() - _EPOCH) // timedelta(microseconds=1)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _tat(self, hit: Hit) -> int | None:
        row = self._connection.execute(_READ, (_key(hit),)).fetchone()
        return None if row is None else int(row[0])


def _key(hit: Hit) -> bytes:
    # a subject may be a person's address: only its digest leaves the process
    return sha256(f"{hit.limit.name}\0{hit.subject}".encode()).digest()


if TYPE_CHECKING:
    _: type[RateLimiter] = SqliteRateLimiter
