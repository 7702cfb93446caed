"""The page of evidence says what the tests said, and nothing better."""

import pytest

from tests.evidence.behaviours import BEHAVIOURS, NOT_APPLICABLE
from tests.evidence.page import Outcomes, page

_TEST = "tests/api/test_it.py::test_it"


def _row(outcomes: dict[str, Outcomes], sec: str) -> str:
    rows = [line for line in page(outcomes).splitlines() if line.startswith(("| SEC", "| [SEC"))]
    assert 72 == len(rows) == len(BEHAVIOURS)
    return next(row for row in rows if sec in row)


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        ({_TEST: "passed"}, "| pass |"),
        ({_TEST: "passed", f"{_TEST}[2]": "failed"}, "| fail |"),
        ({_TEST: "failed", f"{_TEST}[2]": "skipped"}, "| fail |"),
        ({_TEST: "passed", f"{_TEST}[2]": "skipped"}, "| skipped |"),
        ({}, "| not yet |"),
    ],
)
def test_a_behaviour_is_as_good_as_its_worst_test(outcomes: Outcomes, result: str) -> None:
    assert result in _row({"SEC-01": outcomes}, "SEC-01")


def test_a_behaviour_without_a_place_says_why_until_there_is_a_test() -> None:
    sec = next(iter(NOT_APPLICABLE))

    assert NOT_APPLICABLE[sec] in _row({}, sec)
    assert "| pass |" in _row({sec: {_TEST: "passed"}}, sec)


def test_the_cases_of_a_test_are_counted() -> None:
    outcomes: Outcomes = {f"{_TEST}[1]": "passed", f"{_TEST}[2]": "passed", f"{_TEST}[3]": "failed"}

    assert f"- `{_TEST}`: 1 failed, 2 passed" in page({"SEC-01": outcomes}).splitlines()
