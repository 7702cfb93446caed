"""`Metrics` in a place of the shared memory: an addition to a number, and no system call."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import product
from math import nan
from typing import TYPE_CHECKING, Final

from adapters.metrics.memory import VALUES, Place, SharedMemory
from auth_core.kernel import OTHER, Kind, Metric, Metrics

MOST_SERIES: Final = 2000
"""Of one metric; whatever comes after that is counted as `OTHER`."""
_NOWHERE: Final = 0
"""Where numbers go for which there is no room."""
FIRST_VALUE: Final = 64
"""Where those of the first series are: what lies before is nowhere."""


class SharedMetrics:
    """Counts in ``place``, and goes on from what an earlier process has counted there."""

    def __init__(self, memory: SharedMemory, place: Place, metrics: Sequence[Metric]) -> None:
        """Any other metric than ``metrics`` must not be counted here."""
        memory.declare(metrics)
        self._place = place
        self._values = place.values
        self._series: dict[tuple[Metric, tuple[str, ...]], int] = {}
        self._sizes: Counter[str] = Counter()
        self._next = FIRST_VALUE
        by_name = {metric.name: metric for metric in metrics}
        for name, labels, width in place.names():
            metric = by_name[name]
            index = self._enter(metric, labels, width)
            if metric.kind is Kind.GAUGE:  # it was the other process's
                self._values[index] = nan
        for metric in by_name.values():
            # rates and alerts need a zero before the first one
            if metric.kind is not Kind.GAUGE and all(label.values for label in metric.labels):
                for labels in product(*(label.values for label in metric.labels)):
                    self._index(metric, labels)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """See `Metrics.count`."""
        self._values[self._series.get((metric, labels)) or self._index(metric, labels)] += by

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:
        """See `Metrics.set`."""
        index = self._series.get((metric, labels)) or self._index(metric, labels)
        self._values[index] = nan if value is None else value

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """See `Metrics.observe`."""
        index = self._series.get((metric, labels)) or self._index(metric, labels)
        values, buckets = self._values, metric.buckets
        values[index + bisect_left(buckets, value)] += 1
        values[index + len(buckets) + 1] += value

    def _index(self, metric: Metric, labels: tuple[str, ...]) -> int:
        """Where the values of a series begin; makes it if there is room."""
        labels = tuple(
            value if not label.values or value in label.values else OTHER
            for label, value in zip(metric.labels, labels, strict=True)
        )
        index = self._series.get((metric, labels))
        if index is not None:
            return index
        crowd = (OTHER,) * len(labels)
        if self._sizes[metric.name] >= MOST_SERIES and labels != crowd:
            return self._index(metric, crowd)
        width = _width(metric)
        if self._next + width > VALUES:
            return _NOWHERE
        if metric.kind is Kind.GAUGE:
            self._values[self._next] = nan
        if not self._place.add((metric.name, labels, width)):
            return _NOWHERE
        return self._enter(metric, labels, width)

    def _enter(self, metric: Metric, labels: tuple[str, ...], width: int) -> int:
        index, self._next = self._next, self._next + width
        self._series[metric, labels] = index
        self._sizes[metric.name] += 1
        return index


def _width(metric: Metric) -> int:
    """Values of a series: one, or a count for each bucket, one beyond them, and the sum."""
    return len(metric.buckets) + 2 if metric.kind is Kind.HISTOGRAM else 1


if TYPE_CHECKING:
    _: type[Metrics] = SharedMetrics
