"""Everything that is asked of the Valkey of the wheel, asked of Debian's Redis 7."""
# ruff: noqa: F401, F403 - the tests are imported to be collected again

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_redis import *
from tests.contract.test_redis import flush, own_database_url, pass_time, session_cache
from tests.integration.redis.conftest import cache, client, make_cache, truth
from tests.integration.redis.test_redis_limits import *
from tests.integration.redis.test_redis_link import *
from tests.integration.redis.test_redis_memory import *
from tests.integration.redis.test_redis_outages import *
from tests.integration.redis.test_redis_refusals import *
from tests.integration.redis.test_redis_revocations import *
from tests.integration.redis.test_redis_session_cache import *
from tests.integration.redis.valkey_process import ValkeyProcess
from tests.operations.constellation import redis_server


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A server for all tests that do it no harm."""
    yield from (process.url for process in _running())


@pytest.fixture
def valkey() -> Iterator[ValkeyProcess]:
    """A server of the test's own, to be treated badly."""
    yield from _running()


def _running() -> Iterator[ValkeyProcess]:
    program = redis_server()
    # not tmp_path: the path of a unix socket has at most 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="fmr", dir="/tmp"))
    process = ValkeyProcess(folder, program)
    try:
        process.start()
        yield process
    finally:
        process.kill()
        shutil.rmtree(folder)


def test_it_is_a_redis_of_version_7(valkey: ValkeyProcess) -> None:
    info = valkey.ask("INFO", "server")
    assert isinstance(info, dict)
    assert str(info["redis_version"]).startswith("7.")
    assert "valkey_version" not in info
