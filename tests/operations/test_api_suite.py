"""The tests of the API, asked of two nodes of two workers each behind a balancer."""

import re
import subprocess
import sys

import pytest

from tests.e2e.running import ROOT, environment

LEAST = 350
"""So many of them can be asked so; when a change leaves out many more, somebody should know."""


@pytest.mark.timeout(1000)
def test_two_nodes_behind_a_balancer_pass_the_tests_of_the_api() -> None:
    """No two requests of a test need reach the same worker. Which are left out, and why, is in
    `tests/operations/behind_balancer.py`.
    """
    plugin = ("-p", "tests.operations.behind_balancer", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *plugin, "tests/api"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert 0 == done.returncode, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= LEAST
