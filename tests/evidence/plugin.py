"""`make evidence`: what the tests that carry a SEC-nn say, as docs/evidence.md.

A pytest plugin (``-p tests.evidence.plugin``). It writes the page also when tests fail, but not
when the run was cut short: then nothing is known of the tests that did not run.
"""

from collections import defaultdict
from pathlib import Path
from typing import Literal

import pytest

from tests.evidence.behaviours import BEHAVIOURS
from tests.evidence.page import Outcomes, page

PAGE = Path(__file__).parents[2] / "docs/evidence.md"
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_PROPERTY = "sec"

Outcome = Literal["passed", "failed", "skipped"]
_outcomes: dict[str, Outcomes] = defaultdict(dict)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test's ids to its reports, which also travel from pytest-xdist's workers."""
    for item in items:
        ids = sorted({str(sec) for mark in item.iter_markers("sec") for sec in mark.args})
        if unknown := set(ids) - set(BEHAVIOURS):
            raise pytest.UsageError(f"{item.nodeid} names {sorted(unknown)}: there is no such id")
        item.user_properties.append((_PROPERTY, ids))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The worst of set-up, call and tear-down is the outcome of a test."""
    if report.passed and report.when != "call":
        return
    for name, ids in report.user_properties:
        for sec in ids if name == _PROPERTY and isinstance(ids, list) else ():
            known = _outcomes[sec].get(report.nodeid, "passed")
            _outcomes[sec][report.nodeid] = "failed" if known == "failed" else report.outcome


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page, in the process that has all the reports."""
    if hasattr(session.config, "workerinput") or exitstatus not in _COMPLETE:
        return
    PAGE.write_text(page(_outcomes), encoding="utf-8")
