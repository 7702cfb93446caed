"""Limits in this process, for as long as Redis cannot count: stricter, never none."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import (
    FailureSpread,
    Hit,
    Limit,
    RateLimiter,
    Verdict,
    judge,
    returned,
)

DEFAULT_SHARE = 4
"""A process grants one part in so many of each limit: it does not know the other processes."""
_CAPACITY = 20_000
_TIDY_EVERY = 1_000_000  # microseconds
_CROWD = ""

_Key = tuple[str, str]


def _monotonic() -> int:
    return time.monotonic_ns() // 1000


class LocalRateLimiter:
    """GCRA over a bounded table. When it is full, newcomers share one counter per limit."""

    def __init__(
        self,
        *,
        share: int = DEFAULT_SHARE,
        capacity: int = _CAPACITY,
        now: Callable[[], int] = _monotonic,
    ) -> None:
        """``now`` is in microseconds, from any beginning."""
        self._share = share
        self._capacity = capacity
        self._now = now
        self._tats: dict[_Key, int] = {}
        self._tidied = now()

    def __len__(self) -> int:
        return len(self._tats)

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """Count all or none, each against its share of the limit."""
        now = self._now()
        found = [(self._key(hit, now), self._part(hit.limit)) for hit in hits]
        verdicts = [judge(limit, tat=self._tats.get(key), now=now) for key, limit in found]
        if all(verdict.allowed for verdict in verdicts):
            for (key, _), verdict in zip(found, verdicts, strict=True):
                self._tats[key] = now + verdict.ahead
        return verdicts

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """Take back one of each; what a crowd shares stays counted."""
        now = self._now()
        for hit in hits:
            key = hit.limit.name, hit.subject
            tat = self._tats.pop(key, None)
            left = None if tat is None else returned(self._part(hit.limit), tat=tat, now=now)
            if left is not None:
                self._tats[key] = left

    def _key(self, hit: Hit, now: int) -> _Key:
        key = hit.limit.name, hit.subject
        if key in self._tats or len(self._tats) < self._capacity:
            return key
        if now - self._tidied >= _TIDY_EVERY:
            self._tidied = now
            self._tats = {each: tat for each, tat in self._tats.items() if tat > now}
            return self._key(hit, now)
        return hit.limit.name, _CROWD

    def _part(self, limit: Limit) -> Limit:
        return msgspec.structs.replace(limit, requests=max(limit.requests // self._share, 1))


class LocalFailureSpread:
    """The accounts that sources failed for here; the source not heard of for longest goes first."""

    def __init__(self, *, capacity: int = 2_000, now: Callable[[], int] = _monotonic) -> None:
        """``now`` is in microseconds, from any beginning."""
        self._capacity = capacity
        self._now = now
        self._seen: dict[str, tuple[int, set[str]]] = {}

    async def note(self, source: str, account: str, *, accounts: int, window: int) -> bool:
        """True for the failure that makes it so many here."""
        now = self._now()
        until, seen = self._seen.pop(source, (0, set()))
        if until <= now:
            until, seen = now + window * 1_000_000, set()
        self._seen[source] = until, seen
        if len(self._seen) > self._capacity:
            del self._seen[next(iter(self._seen))]
        if len(seen) >= accounts or account in seen:
            return False
        seen.add(account)
        return len(seen) == accounts


if TYPE_CHECKING:
    _limiter: type[RateLimiter] = LocalRateLimiter
    _spread: type[FailureSpread] = LocalFailureSpread
