"""The list of all metrics, and the page that is made of it."""

import importlib
import pkgutil
from pathlib import Path

import adapters
import app
import auth_core
from app.metrics.catalogue import CATALOGUE
from auth_core.kernel import Metric

ROOT = Path(__file__).parents[4]


def _declared() -> set[str]:
    """The metrics that are declared anywhere: modules that say ``Metric(`` are few."""
    names = set()
    for package in (auth_core, adapters, app):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            spec = module.module_finder.find_spec(module.name, None)
            if ".testing" in module.name or spec is None or spec.origin is None:
                continue
            if " = Metric(\n" in Path(spec.origin).read_text(encoding="utf-8"):
                found = vars(importlib.import_module(module.name)).values()
                names |= {each.name for each in found if isinstance(each, Metric)}
    return names


def test_what_is_declared_anywhere_is_shown() -> None:
    assert _declared() == {metric.name for metric in CATALOGUE}


def test_every_metric_is_named_as_prometheus_wants_it() -> None:
    names = [metric.name for metric in CATALOGUE]

    assert len(names) == len(set(names))
    for metric in CATALOGUE:
        assert metric.name.startswith("fm_auth_")
        assert (metric.kind.value == "counter") == metric.name.endswith("_total"), metric.name
        assert (metric.kind.value == "histogram") == bool(metric.buckets), metric.name
        assert metric.help.endswith("."), metric.name
