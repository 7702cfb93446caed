"""The arithmetic of limits, against a model that says the same in other words."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_core.kernel import Limit, TooManyRequests, Verdict, enforce, judge, returned

LIMITS = st.builds(
    Limit, name=st.just("any"), requests=st.integers(1, 50), period=st.integers(1, 100)
)
PAUSES = st.lists(st.integers(0, 5_000_000), max_size=200)


class TokenBucket:
    """``requests`` tokens; one comes back per step; a request takes one if there is one."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.tokens = Fraction(limit.requests)

    def pass_time(self, microseconds: int) -> None:
        grown = self.tokens + Fraction(microseconds, self.limit.step)
        self.tokens = min(grown, Fraction(self.limit.requests))

    def take(self) -> bool:
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(limit=LIMITS, pauses=PAUSES)
def test_it_decides_as_a_token_bucket_does(limit: Limit, pauses: list[int]) -> None:
    bucket, tat, now = TokenBucket(limit), None, 1_700_000_000_000_000
    for pause in pauses:
        now += pause
        bucket.pass_time(pause)

        verdict = judge(limit, tat=tat, now=now)

        assert bucket.take() == verdict.allowed
        assert int(bucket.tokens) == verdict.remaining
        missing = limit.requests - bucket.tokens
        assert missing * limit.step == verdict.ahead
        if verdict.allowed:
            tat = now + verdict.ahead
        else:
            assert (1 - bucket.tokens) * limit.step == verdict.wait


@given(limit=LIMITS, pauses=PAUSES)
def test_who_waits_as_long_as_told_passes_and_no_sooner(limit: Limit, pauses: list[int]) -> None:
    tat, now = None, 0
    for pause in pauses:
        now += pause
        verdict = judge(limit, tat=tat, now=now)
        if verdict.allowed:
            tat = now + verdict.ahead
        else:
            assert not judge(limit, tat=tat, now=now + verdict.wait - 1).allowed
            assert judge(limit, tat=tat, now=now + verdict.wait).allowed
            assert verdict.wait <= verdict.retry_after * 1_000_000 < verdict.wait + 1_000_000


@given(limit=LIMITS, pauses=PAUSES)
def test_no_period_lets_more_pass_than_twice_the_limit(limit: Limit, pauses: list[int]) -> None:
    """A whole limit at once, and what came back meanwhile."""
    tat, now, passed = None, 0, []
    for pause in pauses:
        now += pause
        verdict = judge(limit, tat=tat, now=now)
        if verdict.allowed:
            tat = now + verdict.ahead
            passed.append(now)

    period = limit.period * 1_000_000
    for start in passed:
        within = [moment for moment in passed if start <= moment < start + period]
        assert 2 * limit.requests >= len(within)


@given(limit=LIMITS, ahead=st.integers(-(10**9), 10**13))
def test_a_clock_that_was_set_back_locks_nobody_out_for_longer_than_a_period(
    limit: Limit, ahead: int
) -> None:
    verdict = judge(limit, tat=10**15 + ahead, now=10**15)

    assert verdict.wait <= limit.step
    assert verdict.ahead <= limit.span
    assert 0 <= verdict.remaining < limit.requests


@given(limit=LIMITS, pauses=PAUSES)
def test_giving_a_hit_back_undoes_it(limit: Limit, pauses: list[int]) -> None:
    tat, now = None, 0
    for pause in pauses:
        now += pause
        before = judge(limit, tat=tat, now=now)
        if before.allowed:
            left = returned(limit, tat=now + before.ahead, now=now)
            assert before == judge(limit, tat=left, now=now)
            tat = now + before.ahead


def test_the_tightest_verdict_is_told_and_the_longest_wait_refuses() -> None:
    wide = Limit(name="wide", requests=10, period=100)
    tight = Limit(name="tight", requests=2, period=100)
    verdicts = [judge(wide, tat=None, now=0), judge(tight, tat=None, now=0)]

    assert verdicts[1] == enforce(verdicts)
    assert None is enforce([])

    refusals = [
        verdicts[0],
        Verdict(limit=wide, ahead=100_000_000, wait=3_000_001),
        Verdict(limit=tight, ahead=7_000_000, wait=1),
    ]
    with pytest.raises(TooManyRequests) as refused:
        enforce(refusals)
    assert (4, 10, 100) == (
        refused.value.retry_after,
        refused.value.limit,
        refused.value.reset,
    )
