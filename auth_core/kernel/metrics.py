"""What is counted, and the port that counts it.

A `Metric` is declared beside what it counts (``<feature>/metrics.py``) and recorded in one place.
"""

from enum import StrEnum
from typing import Protocol

import msgspec

OTHER = "other"
"""The label value of whatever is one too many, or not among those declared."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a duration."""


class Kind(StrEnum):
    """What a metric's value is (Prometheus, "Metric types")."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """What becomes of the values of several processes."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"


class Label(msgspec.Struct, frozen=True):
    """A dimension. Without ``values`` they are words of our code, never of a caller's."""

    name: str
    values: tuple[str, ...] = ()


class Metric(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A number that an operator can watch. Counters and histograms are summed over processes."""

    name: str
    help: str
    kind: Kind = Kind.COUNTER
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    across: Across = Across.SUM


class Metrics(Protocol):
    """Records numbers: at once, without waiting, from the thread of the event loop only.

    ``labels`` are given in the order of their declaration; a value that is not among the declared
    ones is recorded as `OTHER`, and so is one too many of an open label. None of these raises for
    what a caller of the service has sent.
    """

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter, or to a gauge that was set before."""
        ...

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:
        """Set a gauge; None for "not known", which is then not shown at all."""
        ...

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add one observation to a histogram."""
        ...


class NoMetrics:
    """Counts nothing."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """See `Metrics.count`."""

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:
        """See `Metrics.set`."""

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """See `Metrics.observe`."""


NO_METRICS: Metrics = NoMetrics()
