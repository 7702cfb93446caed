"""Metrics in shared memory, read as Prometheus reads them."""

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics import MOST_SERIES, SharedMemory, SharedMetrics, exposition
from adapters.metrics.memory import VALUES
from auth_core.kernel import Across, Kind, Metric
from auth_core.testing.contracts import CONTRACT_METRICS, MetricsContract, Read
from auth_core.testing.contracts.metrics import COUNTER, DURATION, GAUGE, OPEN

LEAST = Metric(name="contract_least", help="Least.", kind=Kind.GAUGE, across=Across.MIN)
MOST = Metric(name="contract_most", help="Most.", kind=Kind.GAUGE, across=Across.MAX)
METRICS = (*CONTRACT_METRICS, LEAST, MOST)

Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(memory: SharedMemory) -> dict[Sample, float]:
    """What an independent parser reads."""
    text = exposition(memory).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def recorder(memory: SharedMemory) -> SharedMetrics:
    place = memory.claim()
    assert place is not None
    return SharedMetrics(memory, place, METRICS)


@pytest.fixture
def memory() -> SharedMemory:
    return SharedMemory(3)


class TestSharedMetrics(MetricsContract):
    @pytest.fixture
    def metrics(self, memory: SharedMemory) -> SharedMetrics:
        return recorder(memory)

    @pytest.fixture
    def read(self, memory: SharedMemory) -> Read:
        def read(metric: Metric, *labels: str) -> float | None:
            of = frozenset(zip((label.name for label in metric.labels), labels, strict=True))
            name = f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name
            nothing = None if metric.kind is Kind.GAUGE else 0.0
            return samples(memory).get((name, of), nothing)

        return read


def test_processes_are_summed_and_gauges_joined_as_declared(memory: SharedMemory) -> None:
    one, other = recorder(memory), recorder(memory)
    for metrics, number in ((one, 3), (other, 4)):
        metrics.count(COUNTER, by=number)
        metrics.set(GAUGE, number)
        metrics.set(LEAST, number)
        metrics.set(MOST, number)
        metrics.observe(DURATION, number, "/")
    other.set(LEAST, None)

    found = samples(memory)

    nothing: frozenset[tuple[str, str]] = frozenset()
    assert 7 == found["contract_counter_total", nothing]
    assert 7 == found["contract_gauge", nothing]
    assert 3 == found["contract_least", nothing]
    assert 4 == found["contract_most", nothing]
    assert 7 == found["contract_seconds_sum", frozenset({("route", "/")})]


def test_buckets_are_cumulative_and_their_bounds_inclusive(memory: SharedMemory) -> None:
    metrics = recorder(memory)
    for seconds in (0.0005, 0.001, 0.002, 99.0):
        metrics.observe(DURATION, seconds, "/")

    found = samples(memory)

    def bucket(bound: str) -> float:
        return found["contract_seconds_bucket", frozenset({("route", "/"), ("le", bound)})]

    assert [2, 3, 3, 4] == [bucket(bound) for bound in ("0.001", "0.0025", "10.0", "+Inf")]
    assert math.isclose(99.0035, found["contract_seconds_sum", frozenset({("route", "/")})])


@pytest.mark.parametrize("text", ['a "quoted" one', "back\\slash", "two\nlines", "ünïcode", ""])
def test_any_text_arrives_as_it_was(memory: SharedMemory, text: str) -> None:
    recorder(memory).count(OPEN, text, "b")

    assert 1 == samples(memory)["contract_open_total", frozenset({("a", text), ("b", "b")})]


def test_nothing_breaks_and_nothing_grows_when_there_is_no_room(memory: SharedMemory) -> None:
    """Names of a kilobyte fill what is kept for names, before there are too many."""
    metrics = recorder(memory)
    metrics.count(COUNTER)
    for number in range(MOST_SERIES):
        metrics.count(OPEN, f"{number:01000}", "b")
        metrics.observe(DURATION, 1.0, f"{number:01000}")

    found = samples(memory)
    metrics.count(COUNTER)

    assert 2 == samples(memory)["contract_counter_total", frozenset()]
    assert len(found) < VALUES
    assert found.keys() == samples(memory).keys()


def test_who_finds_no_place_gets_none(memory: SharedMemory) -> None:
    places = [memory.claim() for _ in range(4)]

    assert [0, 1, 2] == [place.number for place in places[:3] if place is not None]
    assert places[3] is None


def test_a_label_too_few_is_a_fault_of_ours(memory: SharedMemory) -> None:
    with pytest.raises(ValueError, match="zip"):
        recorder(memory).count(OPEN, "a")
