"""`docs/reference/metrics.md`, from the catalogue."""
# ruff: noqa: E501 - a paragraph of the page is a line

from collections.abc import Iterator

from app.metrics.catalogue import CATALOGUE
from auth_core.kernel import Kind, Metric

_HEAD = """# Metrics

Every metric that `/metrics` shows where `ENABLE_METRICS` is true; the [guide](../guides/metrics.md) says how to get at it. Written by `make reference` from the declarations in the code; a test compares the two.

Counters and histograms are sums over all workers of a service, those included that have ended. Gauges are of the workers that run, joined as the last column says. What nobody knows at the moment is not shown. A label value that is not listed is `other`; of a metric there are 2,000 series at most. With several nodes each tells its own; what is of the whole deployment, every node tells: take the `max`.

| metric | kind | labels | what it says | of several workers |
|---|---|---|---|---|
"""


def render_reference() -> str:
    """The page."""
    return _HEAD + "".join(_row(metric) for metric in CATALOGUE) + "\n" + "".join(_buckets())


def _row(metric: Metric) -> str:
    labels = "<br>".join(
        f"`{label.name}`" + (f": {', '.join(label.values)}" if label.values else "")
        for label in metric.labels
    )
    joined = metric.across if metric.kind is Kind.GAUGE else "sum"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} | {joined} |\n"


def _buckets() -> Iterator[str]:
    bounds = {metric.buckets for metric in CATALOGUE if metric.buckets}
    for each in sorted(bounds):
        names = [f"`{metric.name}`" for metric in CATALOGUE if metric.buckets == each]
        shown = ", ".join(f"{bound:g}" for bound in each)
        yield f"Upper bounds of the buckets of {', '.join(names)}, in seconds: {shown}.\n"
