"""The contracts of `RateLimiter` and `FailureSpread`."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from auth_core.kernel import FailureSpread, Hit, Limit, RateLimiter

PassTime = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass for everything that has been counted, without waiting."""

# Hours: what passes while a test runs is nothing to them.
_FIVE = Limit(name="five", requests=5, period=5 * 3600)
_TWO = Limit(name="two", requests=2, period=2 * 3600)
_HOUR = 3600


def somebody() -> str:
    """A subject that nobody has counted for."""
    return f"user-{uuid4().hex}@example.com"


async def _allowed(limiter: RateLimiter, hit: Hit, times: int) -> int:
    verdicts = [(await limiter.hit([hit]))[0] for _ in range(times)]
    return sum(verdict.allowed for verdict in verdicts)


class RateLimiterContract:
    """Needs ``rate_limiter``; ``peer_rate_limiter``, another process on the same store (may be the
    same object in memory); and ``pass_time``, a `PassTime`.
    """

    async def test_a_limit_can_be_used_up_at_once_and_no_more(
        self, rate_limiter: RateLimiter
    ) -> None:
        hit = Hit(_FIVE, somebody())

        verdicts = [(await rate_limiter.hit([hit]))[0] for _ in range(7)]

        assert [True] * 5 + [False] * 2 == [verdict.allowed for verdict in verdicts]
        assert [4, 3, 2, 1, 0, 0, 0] == [verdict.remaining for verdict in verdicts]
        assert [0] * 5 == [verdict.retry_after for verdict in verdicts[:5]]
        for refused in verdicts[5:]:
            assert _HOUR - 60 < refused.retry_after <= _HOUR
            assert 5 * _HOUR - 60 < refused.reset <= 5 * _HOUR
        assert _HOUR - 60 < verdicts[0].reset <= _HOUR

    async def test_one_comes_back_per_step_and_all_after_the_period(
        self, rate_limiter: RateLimiter, pass_time: PassTime
    ) -> None:
        hit = Hit(_FIVE, somebody())
        assert 5 == await _allowed(rate_limiter, hit, 6)

        await pass_time(_HOUR)
        assert 1 == await _allowed(rate_limiter, hit, 3)
        await pass_time(2 * _HOUR)
        assert 2 == await _allowed(rate_limiter, hit, 4)
        await pass_time(50 * _HOUR)
        assert 5 == await _allowed(rate_limiter, hit, 7)

    async def test_subjects_and_limits_do_not_share(self, rate_limiter: RateLimiter) -> None:
        one, two = somebody(), somebody()
        assert 2 == await _allowed(rate_limiter, Hit(_TWO, one), 3)

        assert 2 == await _allowed(rate_limiter, Hit(_TWO, two), 3)
        assert 5 == await _allowed(rate_limiter, Hit(_FIVE, one), 6)

    async def test_a_refused_hit_costs_nothing(
        self, rate_limiter: RateLimiter, pass_time: PassTime
    ) -> None:
        hit = Hit(_TWO, somebody())
        assert 2 == await _allowed(rate_limiter, hit, 50)

        await pass_time(_HOUR)
        assert 1 == await _allowed(rate_limiter, hit, 1)

    async def test_if_one_of_several_refuses_none_counts(self, rate_limiter: RateLimiter) -> None:
        who = somebody()
        wide, tight = Hit(_FIVE, who), Hit(_TWO, who)
        for order in ([wide, tight], [tight, wide]) * 3:
            await rate_limiter.hit(order)

        assert 3 == await _allowed(rate_limiter, wide, 6)

    async def test_verdicts_come_in_the_order_of_the_hits(self, rate_limiter: RateLimiter) -> None:
        who = somebody()

        verdicts = await rate_limiter.hit([Hit(_TWO, who), Hit(_FIVE, who)])

        assert [_TWO, _FIVE] == [verdict.limit for verdict in verdicts]
        assert [1, 4] == [verdict.remaining for verdict in verdicts]
        assert [] == list(await rate_limiter.hit([]))

    async def test_what_is_given_back_may_come_again_and_never_more(
        self, rate_limiter: RateLimiter
    ) -> None:
        hit = Hit(_TWO, somebody())
        await rate_limiter.give_back([hit])
        assert 2 == await _allowed(rate_limiter, hit, 3)

        await rate_limiter.give_back([hit])
        assert 1 == await _allowed(rate_limiter, hit, 3)
        await rate_limiter.give_back([hit, hit, hit, hit])
        assert 2 == await _allowed(rate_limiter, hit, 3)

    @pytest.mark.sec("SEC-13")
    async def test_fifty_at_once_in_two_processes_pass_a_limit_exactly(
        self, rate_limiter: RateLimiter, peer_rate_limiter: RateLimiter
    ) -> None:
        hit = Hit(_FIVE, somebody())

        answers = await asyncio.gather(
            *(limiter.hit([hit]) for limiter in (rate_limiter, peer_rate_limiter) * 25)
        )

        assert 5 == sum(verdict.allowed for [verdict] in answers)


class FailureSpreadContract:
    """Needs ``failure_spread``; ``peer_failure_spread``, another process on the same store; and
    ``pass_time``, a `PassTime`.
    """

    async def test_the_failure_that_makes_it_so_many_accounts_is_told_once(
        self, failure_spread: FailureSpread, peer_failure_spread: FailureSpread
    ) -> None:
        source, names = somebody(), [somebody() for _ in range(6)]

        told = [
            await spread.note(source, name, accounts=4, window=_HOUR)
            for name in names
            for spread in (failure_spread, peer_failure_spread)
        ]

        assert [6] == [index for index, one in enumerate(told) if one]

    async def test_one_account_is_no_spread_and_sources_do_not_share(
        self, failure_spread: FailureSpread
    ) -> None:
        name = somebody()
        for _ in range(10):
            assert not await failure_spread.note("one source", name, accounts=2, window=_HOUR)
            assert not await failure_spread.note(somebody(), somebody(), accounts=2, window=_HOUR)

    async def test_at_once_in_two_processes_it_is_told_once(
        self, failure_spread: FailureSpread, peer_failure_spread: FailureSpread
    ) -> None:
        source = somebody()

        told = await asyncio.gather(
            *(
                spread.note(source, somebody(), accounts=10, window=_HOUR)
                for spread in (failure_spread, peer_failure_spread) * 20
            )
        )

        assert 1 == sum(told)

    async def test_after_the_window_it_is_counted_anew(
        self, failure_spread: FailureSpread, pass_time: PassTime
    ) -> None:
        source = somebody()
        assert not await failure_spread.note(source, somebody(), accounts=2, window=_HOUR)
        await pass_time(_HOUR + 1)

        assert not await failure_spread.note(source, somebody(), accounts=2, window=_HOUR)
        assert await failure_spread.note(source, somebody(), accounts=2, window=_HOUR)
        assert not await failure_spread.note(source, somebody(), accounts=2, window=_HOUR)
        await pass_time(_HOUR + 1)
        assert not await failure_spread.note(source, somebody(), accounts=2, window=_HOUR)
