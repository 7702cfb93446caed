"""The dashboard and the alerts: every expression names what there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from app.metrics.catalogue import CATALOGUE
from auth_core.kernel import OTHER, Kind, Metric

OPERATIONS = Path(__file__).parents[4] / "docs/operations"
DASHBOARD = json.loads((OPERATIONS / "grafana-dashboard.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((OPERATIONS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
    **{rule["alert"]: rule["expr"] for rule in RULES},
}
SERIES: dict[str, Metric] = {}
for _metric in CATALOGUE:
    _ends = ("_bucket", "_sum", "_count") if _metric.kind is Kind.HISTOGRAM else ("",)
    SERIES |= {f"{_metric.name}{end}": _metric for end in _ends}


def nodes(node: Any) -> Iterator[Any]:
    """All parts of an expression."""
    yield node
    for name in ("lhs", "rhs", "expr", "args", "vector_selector"):
        found = getattr(node, name, None)
        for child in found if isinstance(found, list) else [found]:
            if child is not None:
                yield from nodes(child)


def parsed(expression: str) -> list[Any]:
    return list(nodes(promql_parser.parse(expression.replace("$__rate_interval", "5m"))))


def labels_of(metric: Metric) -> dict[str, tuple[str, ...]]:
    known = {label.name: label.values for label in metric.labels}
    return known | ({"le": ()} if metric.kind is Kind.HISTOGRAM else {})


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_selects_what_is_counted(expression: str) -> None:
    """Metric, labels, and the values that a label can have."""
    selectors = [node for node in parsed(expression) if hasattr(node, "matchers")]

    assert selectors
    for selector in selectors:
        metric = SERIES[selector.name]
        for matcher in selector.matchers.matchers:
            values = labels_of(metric)[matcher.name]
            alternatives = matcher.value.split("|")
            assert not values or {*alternatives} <= {*values, OTHER}, matcher.value


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_groups_by_labels_that_are_there(expression: str) -> None:
    for node in parsed(expression):
        if getattr(node, "modifier", None) is None or not hasattr(node, "expr"):
            continue
        for selector in nodes(node.expr):
            if hasattr(selector, "matchers"):
                assert {*node.modifier.labels} <= labels_of(SERIES[selector.name]).keys()


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_only_what_grows_has_a_rate(expression: str) -> None:
    """The rate of a gauge, and a counter without one, are numbers that say nothing."""
    rated = set()
    for node in parsed(expression):
        if getattr(getattr(node, "func", None), "name", "") in {"rate", "increase"}:
            rated |= {part.name for part in nodes(node) if hasattr(part, "matchers")}
    named = {node.name for node in parsed(expression) if hasattr(node, "matchers")}

    growing = {name for name in named if SERIES[name].kind is not Kind.GAUGE}
    assert growing == rated


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        SERIES[node.name].name
        for panel in PANELS
        for target in panel["targets"]
        for node in parsed(target["expr"])
        if hasattr(node, "matchers")
    }

    assert shown == {metric.name for metric in CATALOGUE}


def test_panels_have_names_places_and_legends_of_their_own() -> None:
    assert len(PANELS) == len({panel["title"] for panel in PANELS})
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    for panel in PANELS:
        for target in panel["targets"]:
            by = {
                label
                for node in parsed(target["expr"])
                for label in getattr(getattr(node, "modifier", None), "labels", ())
            }
            assert {*re.findall(r"{{(\w+)}}", target["legendFormat"])} == by - {"le"}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    """And nothing is explained that is no alert."""
    told = (OPERATIONS / "alerts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", told, re.MULTILINE)

    assert [rule["alert"] for rule in RULES] == [name for name, _, _ in rows]
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {
            label
            for node in parsed(rule["expr"])
            for label in getattr(getattr(node, "modifier", None), "labels", ())
        }
        assert used <= grouped, rule["alert"]
