"""Time as a relying service has it, where no adapter brings a clock along."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from auth_core.kernel import Clock

monotonic: Callable[[], float] = (
    # goes on while the machine sleeps, as everything that happens to sessions does
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds since some moment."""


class MachineClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock


if TYPE_CHECKING:
    _clock: type[Clock] = MachineClock
