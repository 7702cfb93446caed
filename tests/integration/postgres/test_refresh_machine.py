"""The refresh machine once more, with fewer steps, on a real PostgreSQL and a real Valkey."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from auth_core.kernel import Secret
from tests.integration.postgres.conftest import MakeDatabase
from tests.integration.postgres.refresh_world import Servers, ServersWorld
from tests.integration.redis.valkey_process import ValkeyProcess
from tests.service_role import migrate
from tests.unit.auth_core.sessions.broken_rotations import (
    a_lost_answer_is_theft,
    endless_window,
    report_not_committed,
    successor_drawn_anew,
)
from tests.unit.auth_core.sessions.refresh_machine import RefreshMachine


@pytest.fixture
async def own_database(make_database: MakeDatabase) -> Secret[str]:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture
def machine(own_database: Secret[str]) -> Iterator[type[RefreshMachine]]:
    """The machine on servers that it may ill-treat."""
    # not tmp_path: the path of a unix socket has at most 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="fmv", dir="/tmp"))
    valkey = ValkeyProcess(folder)
    valkey.start()
    servers = Servers(own_database, valkey)

    class OnServers(RefreshMachine):
        def make_world(self) -> ServersWorld:
            return ServersWorld(servers)

    yield OnServers
    servers.close()
    valkey.kill()
    shutil.rmtree(folder)


def run(machine: type[RefreshMachine], *, examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.sec("SEC-29", "SEC-30", "SEC-31", "SEC-32", "SEC-33", "SEC-34", "SEC-50")
def test_on_servers_the_honest_are_never_logged_out_and_a_thief_never_gets_by(
    machine: type[RefreshMachine],
) -> None:
    run(machine, examples=50)


@pytest.mark.parametrize(
    "broken",
    [a_lost_answer_is_theft, endless_window, report_not_committed, successor_drawn_anew],
    ids=lambda broken: broken.__name__,
)
def test_the_machine_on_servers_finds_a_rotation_with(
    machine: type[RefreshMachine], broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)

    with pytest.raises(AssertionError):
        run(machine, examples=50)
