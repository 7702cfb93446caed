"""Workers that count in one memory: what a scrape says while they come and go."""

import json
import subprocess
import sys
from pathlib import Path

FAMILY = Path(__file__).with_name("family.py")
ROOT = Path(__file__).parents[3]


def test_the_sum_of_all_is_seen_by_all_and_never_falls() -> None:
    done = subprocess.run(
        [sys.executable, FAMILY], capture_output=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        timeout=120, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr.decode()
    told = json.loads(done.stdout)
    assert {"family_total": 110, "family_members": 2} == told["both"]
    assert {"family_total": 110, "family_members": 1} == told["left"]
    # who takes the place of a dead one goes on from there
    assert told["places"][0] == told["places"][2] != told["places"][1]
    assert {"family_total": 1110, "family_members": 2} == told["after"] == told["seen_by_two"]
    assert {"family_total": 1110} == told["ended"]
