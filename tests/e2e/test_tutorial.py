"""docs/tutorial.md, as it stands there: its commands, its service and that service's tests.

What it installs is here already (tests/e2e/test_distributions.py installs the wheels).
"""

import re
import subprocess
from pathlib import Path

from tests.e2e.running import (
    ANSWER_SECONDS,
    BIN,
    ROOT,
    Services,
    environment,
    free_port,
)
from tests.e2e.test_documented_tours import END_OF_ANSWER, joined, pattern, steps

TEXT = (Path(ROOT) / "docs" / "tutorial.md").read_text()
PROGRAMS = dict(
    re.findall(r" this as `([\w.]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
)
CLIENTS = re.findall(r"^export AUTH_CLIENTS='(.*)'$", TEXT, re.MULTILINE)[0]


def test_a_service_is_protected_in_ten_minutes(
    services: Services, settings: dict[str, str]
) -> None:
    service = services(settings | {"AUTH_CLIENTS": CLIENTS}).start()
    folder, port = service.folder / "orders", free_port()
    tour = steps(TEXT)
    here = {
        "http://127.0.0.1:8000": service.url,
        "127.0.0.1:8001": f"127.0.0.1:{port}",
        "--port 8001": f"--port {port}",
        ".venv/bin/": f"{BIN}/",
        # the programs are saved as soon as their folder is there
        "mkdir orders": "true",
    }
    folder.mkdir()
    for name, program in PROGRAMS.items():
        (folder / name).write_text(program)
    script = "".join(f"{command}\nprintf '{END_OF_ANSWER}'\n" for command, _ in tour)
    for shown, real in here.items():
        assert shown in script, shown
        script = script.replace(shown, real)

    said = subprocess.run(
        ["bash", "-c", script],
        env=environment(),
        cwd=service.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=8 * ANSWER_SECONDS,
        check=False,
    ).stdout.decode()

    answers = said.split(END_OF_ANSWER)
    assert [""] == answers[len(tour) :], said
    for (command, shown), answer in zip(tour, answers, strict=False):
        like_it = re.sub(r"[\d.]+s$", "…", joined(shown))
        assert pattern(like_it).fullmatch(joined(answer)), f"$ {command}\n{answer}"
