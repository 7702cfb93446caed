"""Servers of these tests' own. What a deployment needs beside them is that of tests/e2e."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import external, new_database, services, settings, their_servers
from tests.integration.mail.conftest import certificates
from tests.operations.constellation import Constellation, constellation

__all__ = ["certificates", "external", "new_database", "services", "settings", "their_servers"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, so that a socket fits in."""
    made = Path(tempfile.mkdtemp(prefix="fmo", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def watched(request: pytest.FixtureRequest, folder: Path) -> Iterator[Constellation]:
    """Three servers and three sentinels, of the make that the test names."""
    with constellation(request.param(), folder) as running:
        yield running
