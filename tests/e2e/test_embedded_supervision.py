"""Embedded servers that die while `fm-auth serve` runs are started again."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.running import Service, Services, eventually, processes_of, sockets_in

PID_FILES = {"PostgreSQL": "postgres/postmaster.pid", "Valkey": "valkey/valkey.pid"}


@pytest.fixture
def service(services: Services) -> Service:
    return services({"WORKERS": "2", "LOG_FORMAT": "json"}).start()


def pid_of(data: Path, server: str) -> int:
    try:
        return int((data / PID_FILES[server]).read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0


@pytest.mark.parametrize("killed", [("PostgreSQL",), ("Valkey",), ("PostgreSQL", "Valkey")])
def test_a_server_that_was_killed_comes_back_and_so_does_the_service(
    services: Services, service: Service, killed: tuple[str, ...]
) -> None:
    name, token = service.register()
    before = {server: pid_of(services.data, server) for server in killed}
    assert 0 not in before.values()

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: all(pid_of(services.data, one) not in {0, before[one]} for one in killed))
    eventually(lambda: "ready" == service.readiness())
    assert 200 == service.check(token)
    assert service.log_in(name)
    for server in killed:

        def told(server: str = server) -> list[str]:
            return [line for line in service.output.splitlines() if f'"server":"{server}"' in line]

        eventually(told)  # it may serve a moment before that is said
        assert [True] == ["embedded_server_restarted" in line for line in told()]


def test_after_a_revival_a_stop_leaves_nothing_behind(services: Services, service: Service) -> None:
    before = pid_of(services.data, "PostgreSQL")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: pid_of(services.data, "PostgreSQL") not in {0, before})

    service.end(signal.SIGINT, group=True)  # whether it is ready already or not

    assert {} == processes_of(services.folder)
    assert [] == sockets_in(services.folder)
