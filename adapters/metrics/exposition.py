"""The numbers of all processes in the text format of Prometheus (version 0.0.4)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import isnan
from typing import Final

from adapters.metrics.memory import Place, SharedMemory
from adapters.metrics.recorder import FIRST_VALUE
from auth_core.kernel import Across, Kind, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_ONE: Final[Mapping[Across, Callable[[Sequence[float]], float]]] = {
    Across.SUM: sum,
    Across.MAX: max,
    Across.MIN: min,
}
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def exposition(memory: SharedMemory) -> bytes:
    """All that is counted in ``memory``. Counters of processes that have ended still count."""
    kinds = {metric.name: metric for metric in memory.declared()}
    found: dict[str, dict[tuple[str, ...], list[list[float]]]] = {name: {} for name in kinds}
    for place, held in memory.places():
        for name, labels, values in _series(place):
            metric = kinds.get(name)
            if metric is not None and (held or metric.kind is not Kind.GAUGE):
                found[name].setdefault(labels, []).append(values)
    return "".join(
        line for name, metric in kinds.items() for line in _family(metric, found[name])
    ).encode()


def _series(place: Place) -> Iterator[tuple[str, tuple[str, ...], list[float]]]:
    index = FIRST_VALUE
    for name, labels, width in place.names():
        yield name, labels, list(place.values[index : index + width])
        index += width


def _family(
    metric: Metric, found: Mapping[tuple[str, ...], Sequence[Sequence[float]]]
) -> Iterator[str]:
    series = {labels: one for labels, values in found.items() if (one := _one(metric, values))}
    if not series:
        return
    yield f"# HELP {metric.name} {metric.help.translate(_HELP_ESCAPES)}\n"
    yield f"# TYPE {metric.name} {metric.kind}\n"
    for labels in sorted(series):
        yield from _samples(metric, labels, series[labels])


def _one(metric: Metric, values: Sequence[Sequence[float]]) -> list[float]:
    """One value for those of several processes; none when nobody knows."""
    if metric.kind is not Kind.GAUGE:
        return [sum(column) for column in zip(*values, strict=True)]
    known = [value for [value] in values if not isnan(value)]
    return [_ONE[metric.across](known)] if known else []


def _samples(metric: Metric, labels: tuple[str, ...], values: Sequence[float]) -> Iterator[str]:
    pairs = [
        f'{label.name}="{value.translate(_ESCAPES)}"'
        for label, value in zip(metric.labels, labels, strict=True)
    ]
    if metric.kind is not Kind.HISTOGRAM:
        yield f"{metric.name}{_braced(pairs)} {values[0]!r}\n"
        return
    *counts, total = values
    bounds = [*map(repr, metric.buckets), "+Inf"]
    reached = list(accumulate(counts))
    for bound, count in zip(bounds, reached, strict=True):
        bucket = [*pairs, f'le="{bound}"']
        yield f"{metric.name}_bucket{_braced(bucket)} {count!r}\n"
    yield f"{metric.name}_sum{_braced(pairs)} {total!r}\n"
    yield f"{metric.name}_count{_braced(pairs)} {reached[-1]!r}\n"


def _braced(pairs: Sequence[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""
