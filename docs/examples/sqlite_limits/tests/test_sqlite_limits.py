"""The contract of `RateLimiter`, as fm-auth-core ships it, on the adapter for SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_limits import SqliteRateLimiter

from auth_core.testing import ManualClock
from auth_core.testing.contracts import PassTime, RateLimiterContract


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def rate_limiter(tmp_path: Path, clock: ManualClock) -> Iterator[SqliteRateLimiter]:
    limiter = SqliteRateLimiter(tmp_path / "limits.db", clock)
    yield limiter
    limiter.close()


@pytest.fixture
def peer_rate_limiter(tmp_path: Path, clock: ManualClock) -> Iterator[SqliteRateLimiter]:
    """What another process has open."""
    limiter = SqliteRateLimiter(tmp_path / "limits.db", clock)
    yield limiter
    limiter.close()


@pytest.fixture
def pass_time(clock: ManualClock) -> PassTime:
    async def pass_time(seconds: float) -> None:
        clock.advance(seconds=seconds)

    return pass_time


class TestSqliteRateLimiter(RateLimiterContract):
    """Every test of the contract."""
