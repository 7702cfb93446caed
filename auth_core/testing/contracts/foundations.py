"""The contracts of the small ports: `Clock`, `Ids` and `Entropy`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import RFC_4122

import pytest

from auth_core.kernel import Clock, Entropy, Ids

T = TypeVar("T")

_THREADS, _EACH = 8, 2_000


def _in_threads(make: Callable[[], T]) -> list[T]:
    """What eight threads at once are given: keys are made in threads."""
    with ThreadPoolExecutor(_THREADS) as pool:
        rounds = [pool.submit(lambda: [make() for _ in range(_EACH)]) for _ in range(_THREADS)]
        return [each for made in rounds for each in made.result()]


class ClockContract:
    """Needs ``clock``: a `Clock`."""

    def test_the_time_is_aware_and_in_utc(self, clock: Clock) -> None:
        now = clock.now()

        assert timedelta(0) == now.utcoffset()
        assert now == datetime.fromisoformat(now.isoformat())


class IdsContract:
    """Needs ``ids``, an `Ids`, and ``clock``, the `Clock` that it lives by."""

    def test_every_id_is_a_uuid_of_version_7(self, ids: Ids) -> None:
        for each in (ids.uuid() for _ in range(1000)):
            assert (7, RFC_4122) == (each.version, each.variant)

    def test_no_id_comes_twice(self, ids: Ids) -> None:
        assert 50_000 == len({ids.uuid() for _ in range(50_000)})

    def test_no_id_comes_twice_to_threads(self, ids: Ids) -> None:
        assert _THREADS * _EACH == len(set(_in_threads(ids.uuid)))

    def test_an_id_carries_the_time(self, ids: Ids, clock: Clock) -> None:
        before, each, after = clock.now(), ids.uuid(), clock.now()

        carried = datetime.fromtimestamp((each.int >> 80) / 1000, UTC)
        slack = timedelta(milliseconds=100)
        assert before - slack <= carried <= after + slack

    @pytest.mark.sec("SEC-49")
    def test_ids_of_one_moment_differ_in_most_random_bits(self, ids: Ids) -> None:
        """62 of them; two ids that share 32 are less likely than a broken machine."""
        tails = {ids.uuid().int & (2**32 - 1) for _ in range(100)}

        assert 100 == len(tails)


class EntropyContract:
    """Needs ``entropy``: an `Entropy`."""

    @pytest.mark.parametrize("size", [0, 1, 16, 32, 1000])
    def test_there_are_as_many_bytes_as_asked_for(self, entropy: Entropy, size: int) -> None:
        assert size == len(entropy.token_bytes(size))

    def test_no_bytes_come_twice(self, entropy: Entropy) -> None:
        assert 10_000 == len({entropy.token_bytes(16) for _ in range(10_000)})

    def test_no_bytes_come_twice_to_threads(self, entropy: Entropy) -> None:
        assert _THREADS * _EACH == len(set(_in_threads(lambda: entropy.token_bytes(16))))

    def test_the_bits_are_balanced(self, entropy: Entropy) -> None:
        """Ten standard deviations either way."""
        ones = int.from_bytes(entropy.token_bytes(100_000)).bit_count()

        assert abs(ones - 400_000) < 10 * 447
