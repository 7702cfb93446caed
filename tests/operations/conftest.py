"""Constellations of real processes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.redis.valkey_process import program
from tests.operations.cluster_nodes import Cluster, cluster_in


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three primaries and three replicas. A test leaves it complete, whoever is a primary then."""
    folder = Path(tempfile.mkdtemp(prefix="fmc"))
    try:
        with cluster_in(folder, program()) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)
