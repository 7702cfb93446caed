"""The commands that the README shows, run as they stand there, and what they say they answer.

In an answer ``…`` stands for anything, ids, times and secrets for others like them, and a line that
was wrapped is one line.
"""

import re
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path

import pytest

from tests.e2e.running import ANSWER_SECONDS, BIN, ROOT, Service, Services, environment

SHOWN_AT = "http://127.0.0.1:8000"
END_OF_ANSWER = "\x1e"
CLIENTS = (
    '[{"client_id": "gateway", "client_secret": "a-secret-of-at-least-32-characters",'
    ' "allow": ["introspect", "revoke"]}]'
)
README = Path(ROOT) / "README.md"

LIKE_IT = {
    r"…": r".*",
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}": r"[0-9a-f-]{36}",
    r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00": r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00",
    r"\b\d{6,}\b": r"\d+",
}
VARIES = re.compile("|".join(f"({shown})" for shown in LIKE_IT))

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")


def section(heading: str) -> str:
    """The text below a heading of the README."""
    return README.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def steps(text: str) -> list[tuple[str, str]]:
    """Every command that is shown, with the answer that is shown for it."""
    found = []
    for block in re.findall(r"^```\n(\$ .*?)^```$", text, re.DOTALL | re.MULTILINE):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = shown.splitlines()
            continued = [*takewhile(is_continued, lines)]
            command = lines[: len(continued) + 1]
            while "".join(command).count("'") % 2:  # a text that is quoted goes on
                command = lines[: len(command) + 1]
            found.append(("\n".join(command), "\n".join(lines[len(command) :])))
    return found


def is_continued(line: str) -> bool:
    return line.endswith(("\\", "|"))


def joined(answer: str) -> str:
    """An answer as one line, however it was wrapped to be read."""
    return "".join(line.strip() for line in answer.splitlines())


def pattern(shown: str) -> re.Pattern[str]:
    """What answers like the one that is shown look like."""
    parts, end = [], 0
    for found in VARIES.finditer(shown):
        like_it = [*LIKE_IT.values()][(found.lastindex or 1) - 1]
        parts += [re.escape(shown[end : found.start()]), like_it]
        end = found.end()
    text = "".join([*parts, re.escape(shown[end:])])
    return re.compile(text.replace(r"\ .*", ".*").replace(r".*\ ", ".*"))


def walk(service: Service, *headings: str) -> None:
    """Run the commands of these sections in one shell, and compare the answers."""
    tour = [step for heading in headings for step in steps(section(heading))]
    assert tour
    script = "".join(f"{command}\nprintf '{END_OF_ANSWER}'\n" for command, _ in tour)
    environ = environment(service._settings)
    done = subprocess.run(
        ["bash", "-c", script.replace(SHOWN_AT, service.url)],
        env=environ | {"PATH": f"{BIN}:{environ['PATH']}"},
        cwd=service.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=4 * ANSWER_SECONDS,
        check=False,
    )
    answers = done.stdout.decode().replace(service.url, SHOWN_AT).split(END_OF_ANSWER)
    assert [""] == answers[len(tour) :]
    differ = [
        f"$ {command}\nshown: {joined(shown)}\nsaid:  {joined(said)[:2000]}"
        for (command, shown), said in zip(tour, answers, strict=False)
        if not pattern(joined(shown)).fullmatch(joined(said))
    ]
    assert not differ, "\n\n".join(differ)


def test_the_tour_and_what_administrators_do(services: Services, settings: dict[str, str]) -> None:
    # what a reader waits ten seconds for
    more = {"AUTH_CLIENTS": CLIENTS, "AUTH_REFRESH_PARALLEL_SECONDS": "0"}
    service = services(settings | more).start()

    walk(service, "A tour with curl", "Asking about tokens", "Administration", "Personal data")


def test_accounts_whose_address_is_proven_first(
    services: Services, settings: dict[str, str]
) -> None:
    service = services(settings | {"REGISTRATION_MODE": "verified"}).start()

    walk(service, "Accounts", "Mail")
