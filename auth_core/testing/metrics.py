"""Metrics in memory. Unlike a deployment's they raise for what is recorded wrongly."""

from collections import defaultdict
from typing import TYPE_CHECKING

from auth_core.kernel import OTHER, Kind, Metric, Metrics

MOST_SERIES = 1000


class InMemoryMetrics:
    """Numbers by metric and labels; AssertionError for a use that does not fit a declaration."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, ...], float] = {}
        self._observed: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add. A gauge must have been set, a counter never falls."""
        key = self._key(metric, labels)
        assert metric.kind is not Kind.HISTOGRAM, metric.name
        assert by >= 0 or metric.kind is Kind.GAUGE, metric.name
        assert key in self._values or metric.kind is Kind.COUNTER, f"{metric.name} was not set"
        self._values[key] = self._values.get(key, 0.0) + by

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:
        """Set, or forget."""
        key = self._key(metric, labels)
        assert metric.kind is Kind.GAUGE, metric.name
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Keep the observation."""
        assert metric.kind is Kind.HISTOGRAM, metric.name
        self._observed[self._key(metric, labels)].append(value)

    def value(self, metric: Metric, *labels: str) -> float | None:
        """What a counter or gauge says now; of a counter that was never used 0."""
        nothing = 0.0 if metric.kind is Kind.COUNTER else None
        return self._values.get((metric.name, *labels), nothing)

    def observations(self, metric: Metric, *labels: str) -> list[float]:
        """What a histogram was given, in order."""
        return self._observed.get((metric.name, *labels), [])

    def _key(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
        assert len(labels) == len(metric.labels), f"{metric.name} has labels {metric.labels}"
        values = tuple(
            value if not label.values or value in label.values else OTHER
            for label, value in zip(metric.labels, labels, strict=True)
        )
        key = (metric.name, *values)
        known = [each for each in (*self._values, *self._observed) if each[0] == metric.name]
        if key in known or len(known) < MOST_SERIES:
            return key
        return (metric.name, *[OTHER for _ in values])


if TYPE_CHECKING:
    _: type[Metrics] = InMemoryMetrics
