"""Ends of the embedded run, gentle and violent: nothing is left behind, nothing is lost."""

import os
import shutil
import signal
import socket
import sys
import time
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from tests.e2e.conftest import Estate
from tests.e2e.running import (
    Services,
    eventually,
    kill_all,
    processes_of,
    sockets_in,
    takes_connections,
)

IDLE = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HALF_A_REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("number", "group", "sent", "seconds"),
    [(SIGINT, True, IDLE, 30), (SIGTERM, False, HALF_A_REQUEST, 40)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_stop_ends_everything_in_time_even_with_connections_open(
    number: signal.Signals,
    *,
    group: bool,
    sent: bytes,
    seconds: int,
    estate: Estate,
    services: Services,
) -> None:
    service = services().start()
    assert 200 == service.check(estate.alive)
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(sent)
        # so that the worker knows of the connection
        assert 200 == service.check(estate.alive)
        began = time.monotonic()
        status = service.end(number, group=group)

    assert 0 == status
    assert seconds > time.monotonic() - began
    # only a request that does not come to its end is waited for until then
    assert ("connections_cut" in service.output) == (sent == HALF_A_REQUEST)
    assert "worker_killed" not in service.output
    assert {} == processes_of(services.folder)
    assert [] == sockets_in(services.folder)
    assert not takes_connections(service.port)
    assert "Traceback" not in service.output


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_stop_during_the_first_start_leaves_nothing_running_and_the_next_start_works(
    number: signal.Signals, services: Services
) -> None:
    service = services().spawn()
    eventually(services.data.exists)

    assert 0 != service.end(number, group=number is SIGINT)

    assert {} == processes_of(services.folder)
    assert [] == sockets_in(services.folder)
    assert "Traceback" not in service.output
    service.start()
    assert 201 == service.post("dev-register", {"username": "john.doe"}).status_code


def test_the_workers_are_forked_before_there_is_a_second_thread(
    estate: Estate, services: Services
) -> None:
    """A fork copies the locks of threads that it does not copy; a worker once hung on one."""
    counting = (
        "import os, threading; os.register_at_fork(before=lambda: os.write("
        "2, b'threads at a fork: %d\\n' % threading.active_count())); "
        "from app.cli import main; main()"
    )
    service = services(command=(sys.executable, "-c", counting, "serve")).start()

    assert "threads at a fork: 1\n" in service.output
    assert 1 == service.output.count("threads at a fork")
    assert 200 == service.check(estate.alive)
    eventually(lambda: "is ready on" in service.output)


def test_a_second_ctrl_c_does_not_leave_servers_behind(estate: Estate, services: Services) -> None:
    service = services().start()
    for _ in range(3):
        os.killpg(service.pid, SIGINT)
        time.sleep(0.03)

    service.wait()

    assert {} == processes_of(services.folder)
    assert 200 == service.start().check(estate.alive)


@pytest.mark.sec("SEC-33")
def test_a_killed_supervisor_takes_its_worker_along_and_the_next_start_takes_over_the_servers(
    estate: Estate, services: Services
) -> None:
    service = services().start()
    token = service.log_in("john.doe")
    service.log_out(token)
    postgres = _postmaster(services)

    service.end(SIGKILL)

    eventually(lambda: not takes_connections(service.port))
    service.start()
    assert postgres == _postmaster(services)
    assert (200, 401) == (service.check(estate.alive), service.check(token))
    service.until("ready")
    service.end()
    assert {} == processes_of(services.folder)


def test_a_supervisor_that_is_killed_before_its_worker_is_up_takes_it_along(
    estate: Estate, services: Services
) -> None:
    service = services().spawn()
    eventually(lambda: "Spawning worker" in service.output)

    service.end(SIGKILL)

    eventually(lambda: not takes_connections(service.port))
    eventually(lambda: not _fm_auths(services))
    assert 200 == service.start().check(estate.alive)


@pytest.mark.sec("SEC-33")
def test_after_everything_was_killed_at_once_the_next_start_recovers_all_that_was_acknowledged(
    estate: Estate, services: Services
) -> None:
    service = services().start()
    token = service.log_in("john.doe")
    service.log_out(token)
    name, fresh = service.register()

    kill_all(services.folder)
    service.wait()
    service.start()

    assert (200, 401, 200) == tuple(service.check(t) for t in (estate.alive, token, fresh))
    assert 200 == service.check(service.log_in(name))
    assert estate.kid == service.kid()


def test_a_killed_worker_is_replaced_and_nothing_is_left_behind(
    estate: Estate, services: Services
) -> None:
    service = services().start()
    (worker,) = service.workers.pids()
    os.kill(worker, SIGKILL)

    eventually(lambda: service.workers.pids() not in (set(), {worker}))
    service.ask_each("/health")
    assert 200 == service.check(estate.alive)
    assert '"exit_code":-9' in service.output or "exit_code=-9" in service.output
    assert 0 == service.end()
    assert {} == processes_of(services.folder)


def test_a_data_folder_can_be_moved_between_runs(estate: Estate, services: Services) -> None:
    moved = services.folder / "somewhere else, with spaces"
    shutil.move(estate.data, moved)

    assert 200 == services({"AUTH_DATA_DIR": str(moved)}).start().check(estate.alive)


def _postmaster(services: Services) -> str:
    return (services.data / "postgres" / "postmaster.pid").read_text().split()[0]


def _fm_auths(services: Services) -> list[int]:
    return [pid for pid, line in processes_of(services.folder).items() if "fm-auth serve" in line]
