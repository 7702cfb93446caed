"""Servers of these tests' own. What a deployment needs beside them is that of tests/e2e."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import external, new_database, services, settings, their_servers
from tests.integration.mail.conftest import certificates
from tests.integration.redis.valkey_process import valkey_server
from tests.operations.cluster_nodes import Cluster, cluster_in
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


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three primaries and three replicas. A test leaves it complete, whoever is a primary then."""
    made = Path(tempfile.mkdtemp(prefix="fmc", dir="/tmp"))
    try:
        with cluster_in(made, valkey_server()) as cluster:
            yield cluster
    finally:
        shutil.rmtree(made, ignore_errors=True)
