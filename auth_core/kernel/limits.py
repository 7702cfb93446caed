"""How often something may happen: limits, and the ports that count.

The arithmetic is the generic cell rate algorithm (GCRA, ITU-T I.371 Annex A): one number per
subject, the theoretical arrival time of the next request at a steady rate (TAT).
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from auth_core.kernel.errors import TooManyRequests
from auth_core.kernel.metrics import Label, Metric, Metrics

_MICROSECONDS = 1_000_000


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """``requests`` in ``period`` seconds, all of them at once if need be, refilled steadily."""

    name: str
    requests: int
    period: int

    @property
    def step(self) -> int:
        """Microseconds in which one request comes back, rounded up."""
        return -(-self.period * _MICROSECONDS // self.requests)

    @property
    def span(self) -> int:
        """Microseconds in which all of them come back."""
        return self.step * self.requests


class Hit(msgspec.Struct, frozen=True):
    """One request that counts for ``subject`` under ``limit``.

    The subject may be personal data (a name, an address): what leaves the process is a digest.
    """

    limit: Limit
    subject: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a hit. ``ahead`` and ``wait`` are in microseconds from now: until the whole
    limit is free again, and until the next request may come (0 for one that was allowed).
    """

    limit: Limit
    ahead: int
    wait: int = 0

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""
        return self.wait == 0

    @property
    def remaining(self) -> int:
        """How many more may come right now."""
        return max((self.limit.span - self.ahead) // self.limit.step, 0)

    @property
    def reset(self) -> int:
        """Whole seconds until all of them may come again."""
        return -(-self.ahead // _MICROSECONDS)

    @property
    def retry_after(self) -> int:
        """Whole seconds until the next may come; 0 for a request that was allowed."""
        return -(-self.wait // _MICROSECONDS)


class RateLimiter(Protocol):
    """Counts hits. Counters outlive the process and hold for every process of the deployment.

    An implementation that loses its store counts in the process meanwhile, more strictly: there is
    never no limit, and no method raises because of the store.
    """

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """Count every hit, and say for each whether it is within its limit.

        Each is counted atomically. If one is refused none counts: what the others took is given
        back at once, though a request of the same moment may still have met it.
        """
        ...

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """Take back one earlier hit of each. A no-op for a subject whose limit is free."""
        ...


class FailureSpread(Protocol):
    """Notices a source that fails for many accounts. Like `RateLimiter` it never raises."""

    async def note(self, source: str, account: str, *, accounts: int, window: int) -> bool:
        """Note a failure. True for the one that makes it ``accounts`` different ones.

        At most once per source in ``window`` seconds, counted from the source's first failure.
        Both texts may be personal data: what leaves the process is a digest.
        """
        ...


REFUSALS = Metric(
    name="fm_auth_rate_limit_refusals_total",
    help="Requests and attempts that a limit has refused, by limit.",
    labels=(Label("limit"),),
)


class CountedLimits:
    """Limits whose refusals are counted, over those of a deployment."""

    def __init__(self, limiter: RateLimiter, metrics: Metrics) -> None:
        self._limiter = limiter
        self._metrics = metrics

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """See `RateLimiter.hit`."""
        verdicts = await self._limiter.hit(hits)
        for verdict in verdicts:
            if not verdict.allowed:
                self._metrics.count(REFUSALS, verdict.limit.name)
        return verdicts

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """See `RateLimiter.give_back`."""
        await self._limiter.give_back(hits)


def judge(limit: Limit, *, tat: int | None, now: int) -> Verdict:
    """GCRA over microseconds. The TAT to keep is ``now + ahead`` if the verdict is allowed.

    A TAT further ahead than the limit reaches (the clock was set back, the limit was changed)
    counts as a limit that is used up.
    """
    start = now if tat is None else min(max(tat, now), now + limit.span)
    after = start + limit.step
    wait = after - limit.span - now
    if wait > 0:
        return Verdict(limit=limit, ahead=start - now, wait=wait)
    return Verdict(limit=limit, ahead=after - now)


def returned(limit: Limit, *, tat: int, now: int) -> int | None:
    """The TAT after one hit was given back; None when nothing is left to keep."""
    earlier = tat - limit.step
    return earlier if earlier > now else None


def enforce(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The tightest of ``verdicts``, None if there are none.

    Raises TooManyRequests when one is a refusal, with the longest of the waits.
    """
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    if refused:
        worst = max(refused, key=lambda verdict: verdict.wait)
        raise TooManyRequests(
            retry_after=worst.retry_after, limit=worst.limit.requests, reset=worst.reset
        )
    return min(verdicts, key=lambda verdict: verdict.remaining, default=None)
