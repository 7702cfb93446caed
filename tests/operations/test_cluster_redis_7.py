"""The least that must hold on a cluster of Debian's Redis 7, too."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.cluster_nodes import Cluster, cluster_in
from tests.operations.constellation import redis_server
from tests.operations.test_cluster_failures import (
    make_cache,
    test_a_killed_primary_slows_its_slots_only_and_its_replica_takes_over,
    test_a_primary_that_is_one_again_revives_nothing_of_its_first_time,
    test_an_end_finds_keys_that_are_on_their_way,
)

__all__ = [
    "make_cache",
    "test_a_killed_primary_slows_its_slots_only_and_its_replica_takes_over",
    "test_a_primary_that_is_one_again_revives_nothing_of_its_first_time",
    "test_an_end_finds_keys_that_are_on_their_way",
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries and three replicas."""
    folder = Path(tempfile.mkdtemp(prefix="fmc", dir="/tmp"))
    try:
        with cluster_in(folder, redis_server()) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)
