"""Programs of Debian's that these tests need."""

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """Where a program is. Without it the test fails in CI, and is skipped elsewhere."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        reason = f"no {name} here: as root on Debian, `apt-get install -y {package}`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
