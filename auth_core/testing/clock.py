"""Time, identifiers and randomness that a test decides about."""

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from auth_core.kernel import Clock, Entropy, Ids, uuid7

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """A clock that moves when it is told to, in either direction."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._now = _utc(start)

    def now(self) -> datetime:
        """The time it was last set to."""
        return self._now

    def advance(self, by: timedelta = timedelta(), **units: float) -> None:
        """Move on, or back when it is negative, as a real clock may be stepped.

        ``units`` are those of `timedelta`: ``advance(minutes=5)``.
        """
        self._now += by + timedelta(**units)

    def set(self, moment: datetime) -> None:
        """Jump to ``moment``, which must be aware."""
        self._now = _utc(moment)


class SeededEntropy:
    """The same bytes for the same seed, call by call. Never use it outside tests."""

    def __init__(self, seed: bytes | str | int = 0) -> None:
        self._seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self._calls = count(1)  # whose next() is atomic: keys are made in threads

    def token_bytes(self, size: int) -> bytes:
        """``size`` bytes that only look random."""
        call = next(self._calls)
        return hashlib.shake_256(self._seed + call.to_bytes(8)).digest(size)


class DeterministicIds:
    """UUIDv7 made of the test's clock and entropy; one instance never repeats itself."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def uuid(self) -> UUID:
        """A UUIDv7 that carries the clock's current millisecond."""
        milliseconds = self._clock.now() - datetime(1970, 1, 1, tzinfo=UTC)
        return uuid7(milliseconds // timedelta(milliseconds=1), self._entropy.token_bytes(10))


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        message = "a clock needs an aware datetime"
        raise ValueError(message)
    return moment.astimezone(UTC)


if TYPE_CHECKING:
    _clock: type[Clock] = ManualClock
    _entropy: type[Entropy] = SeededEntropy
    _ids: type[Ids] = DeterministicIds
