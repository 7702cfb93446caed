"""Limits in memory, on the test's clock. All processes of a test share one of each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from auth_core.kernel import (
    Clock,
    FailureSpread,
    Hit,
    RateLimiter,
    Verdict,
    judge,
    returned,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(clock: Clock) -> int:
    return (clock.now() - _EPOCH) // timedelta(microseconds=1)


class InMemoryRateLimiter:
    """One theoretical arrival time per limit and subject."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tats: dict[tuple[str, str], int] = {}

    def flush(self) -> None:
        """Lose everything, as FLUSHALL does: every limit begins anew."""
        self._tats.clear()

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """Count all or none."""
        now = _microseconds(self._clock)
        verdicts = [judge(hit.limit, tat=self._tats.get(_key(hit)), now=now) for hit in hits]
        if all(verdict.allowed for verdict in verdicts):
            for hit, verdict in zip(hits, verdicts, strict=True):
                self._tats[_key(hit)] = now + verdict.ahead
        return verdicts

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """Take back one of each."""
        now = _microseconds(self._clock)
        for hit in hits:
            tat = self._tats.pop(_key(hit), None)
            left = None if tat is None else returned(hit.limit, tat=tat, now=now)
            if left is not None:
                self._tats[_key(hit)] = left


class InMemoryFailureSpread:
    """The accounts that each source failed for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[datetime, set[str]]] = {}

    async def note(self, source: str, account: str, *, accounts: int, window: int) -> bool:
        """True for the failure that makes it so many."""
        now = self._clock.now()
        until, seen = self._seen.get(source, (now, set()))
        if until <= now:
            until, seen = now + timedelta(seconds=window), set()
            self._seen[source] = until, seen
        if len(seen) >= accounts or account in seen:
            return False
        seen.add(account)
        return len(seen) == accounts


def _key(hit: Hit) -> tuple[str, str]:
    return hit.limit.name, hit.subject


if TYPE_CHECKING:
    _limiter: type[RateLimiter] = InMemoryRateLimiter
    _spread: type[FailureSpread] = InMemoryFailureSpread
