"""The commands of a runbook, run as they stand there, and what it says they answer."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.e2e.running import ROOT, START_SECONDS
from tests.e2e.test_documented_tours import END_OF_ANSWER, joined, pattern, steps
from tests.operations.postgres_process import tool_environment


class Followed(NamedTuple):
    """What a shell has come to: the answers of its commands, and its environment."""

    answers: list[str]
    environ: dict[str, str]


RUNBOOKS = Path(ROOT) / "docs" / "operations"


def section(page: str, heading: str) -> str:
    """The text below a heading of a runbook, up to the next one."""
    text = (RUNBOOKS / page).read_text()
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no section {heading!r}"
    return found[1]


def follow(
    page: str,
    *headings: str,
    settings: Mapping[str, str],
    cwd: Path,
    instead: Mapping[str, str] | None = None,
) -> Followed:
    """Run the commands of these sections in one shell; compare what each answers with what is
    shown. ``instead``: what stands there only as an example, and what it is here.
    """
    tour = [step for heading in headings for step in steps(section(page, heading))]
    assert tour
    script = "".join(f"{command}\nprintf '{END_OF_ANSWER}'\n" for command, _ in tour)
    for shown, here in (instead or {}).items():
        assert shown in script, shown
        script = script.replace(shown, here)
    done = subprocess.run(
        ["bash", "-c", f"{script}env -0 >.env-after"],
        env={**tool_environment(), **settings},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=2 * START_SECONDS,
        check=False,
    )
    answers = done.stdout.decode().split(END_OF_ANSWER)
    differ = [
        f"$ {command}\nshown: {joined(shown)}\nsaid:  {joined(said)[:3000]}"
        for (command, shown), said in zip(tour, answers, strict=False)
        if not pattern(joined(shown)).fullmatch(joined(said))
    ]
    assert not differ, "\n\n".join(differ)
    assert [""] == answers[len(tour) :]
    after = (cwd / ".env-after").read_text().split("\0")
    environ = {name: value for name, _, value in (each.partition("=") for each in after) if name}
    return Followed(answers[:-1], environ)
