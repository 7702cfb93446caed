"""The contract of `Metrics`."""

from collections.abc import Callable

from auth_core.kernel import OTHER, SECONDS, Kind, Label, Metric, Metrics

Read = Callable[..., float | None]
"""What a counter or a gauge says; of a histogram how many observations there were."""

COUNTER = Metric(name="contract_counter_total", help="Counts.")
CLOSED = Metric(
    name="contract_closed_total", help="Counts.", labels=(Label("result", ("hit", "miss")),)
)
OPEN = Metric(name="contract_open_total", help="Counts.", labels=(Label("a"), Label("b")))
GAUGE = Metric(name="contract_gauge", help="Goes up and down.", kind=Kind.GAUGE)
DURATION = Metric(
    name="contract_seconds",
    help="Takes time.",
    kind=Kind.HISTOGRAM,
    labels=(Label("route"),),
    buckets=SECONDS,
)
CONTRACT_METRICS = (COUNTER, CLOSED, OPEN, GAUGE, DURATION)
MANY = 5_000


class MetricsContract:
    """Needs ``metrics`` for `CONTRACT_METRICS`, and ``read``, a `Read`."""

    def test_a_counter_adds_up(self, metrics: Metrics, read: Read) -> None:
        assert 0 == read(COUNTER)

        metrics.count(COUNTER)
        metrics.count(COUNTER, by=41)

        assert 42 == read(COUNTER)

    def test_each_value_of_a_label_is_counted_by_itself(self, metrics: Metrics, read: Read) -> None:
        metrics.count(CLOSED, "hit")
        metrics.count(CLOSED, "hit")

        assert (2, 0) == (read(CLOSED, "hit"), read(CLOSED, "miss"))

    def test_a_value_that_was_not_declared_is_another_one(
        self, metrics: Metrics, read: Read
    ) -> None:
        metrics.count(CLOSED, "something/else")
        metrics.count(CLOSED, "and more")

        assert (2, 0) == (read(CLOSED, OTHER), read(CLOSED, "something/else"))

    def test_whatever_an_open_label_gets_there_is_an_end_to_it(
        self, metrics: Metrics, read: Read
    ) -> None:
        for number in range(MANY):
            metrics.count(OPEN, f"a-{number}", 'b "\\\n')

        assert 1 == read(OPEN, "a-0", 'b "\\\n')
        assert 0 == read(OPEN, f"a-{MANY - 1}", 'b "\\\n')
        crowd = read(OPEN, OTHER, OTHER)
        assert crowd is not None
        assert MANY // 2 < crowd < MANY

    def test_a_gauge_is_what_it_was_set_to_and_unknown_until_then(
        self, metrics: Metrics, read: Read
    ) -> None:
        assert read(GAUGE) is None

        metrics.set(GAUGE, 7)
        metrics.count(GAUGE, by=-2)
        assert 5 == read(GAUGE)

        metrics.set(GAUGE, None)
        assert read(GAUGE) is None

    def test_a_histogram_keeps_every_observation(self, metrics: Metrics, read: Read) -> None:
        for seconds in (0.0, 0.001, 0.0011, 3.0, 10_000.0):
            metrics.observe(DURATION, seconds, "/here")

        assert 5 == read(DURATION, "/here")
