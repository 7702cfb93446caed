"""The page of evidence, from outcomes alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from tests.evidence.behaviours import BEHAVIOURS, NOT_APPLICABLE

Outcomes = dict[str, Literal["passed", "failed", "skipped"]]
"""By the test's node id."""

_HEAD = """\
# Evidence

What the tests say of the security behaviours, made by `make evidence`: it runs every test that is \
marked with an id, on real PostgreSQL and Valkey. Nothing here is written by hand but the names of \
the behaviours and the reasons of *not applicable*.

A behaviour's result is *pass* if all its tests passed, *fail* if one failed, *skipped* if one did \
not run, *not yet* if there is none, *not applicable* if the service has no place for it.
"""


def page(outcomes: Mapping[str, Outcomes]) -> str:
    """The whole page: a table of the behaviours, then the tests of each."""
    results = {sec: _result(sec, outcomes.get(sec, {})) for sec in BEHAVIOURS}
    count = Counter(results.values())
    counts = ", ".join(f"{count[result]} {result}" for result in sorted(count))
    rows = [
        f"| {_link(sec, outcomes)} | {BEHAVIOURS[sec]} | {_reasoned(sec, result)} "
        f"| {len(outcomes.get(sec, {})) or ''} |"
        for sec, result in results.items()
    ]
    table = ["| id | behaviour | result | tests |", "|---|---|---|---:|", *rows]
    return "\n".join([_HEAD, f"{counts}.", "", *table, *_details(outcomes), ""])


def _result(sec: str, outcomes: Outcomes) -> str:
    if outcomes:
        found = set(outcomes.values())
        return next((bad for bad in ("failed", "skipped") if bad in found), "pass").replace(
            "failed", "fail"
        )
    return "not applicable" if sec in NOT_APPLICABLE else "not yet"


def _reasoned(sec: str, result: str) -> str:
    return f"{result}: {NOT_APPLICABLE[sec]}" if result == "not applicable" else result


def _link(sec: str, outcomes: Mapping[str, Outcomes]) -> str:
    return f"[{sec}](#{sec.lower()})" if outcomes.get(sec) else sec


def _details(outcomes: Mapping[str, Outcomes]) -> Iterator[str]:
    for sec in BEHAVIOURS:
        if not outcomes.get(sec):
            continue
        yield from ("", f"## {sec}", "", f"{BEHAVIOURS[sec]}.", "")
        for test, results in sorted(_by_function(outcomes[sec]).items()):
            tally = ", ".join(f"{number} {name}" for name, number in sorted(results.items()))
            yield f"- `{test}`: {tally}"


def _by_function(outcomes: Outcomes) -> Mapping[str, Counter[str]]:
    """The cases of a parametrized test are counted, not listed."""
    functions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for test, outcome in outcomes.items():
        functions[test.partition("[")[0]][outcome] += 1
    return functions
