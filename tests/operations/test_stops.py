"""Stops, replacements and violent ends of one node under load: no request that need not fails."""

import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from signal import SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM

import httpx
import pytest

from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    Services,
    eventually,
    processes_of,
    takes_connections,
)
from tests.operations.pressing import Errand, pressing

NEVER_MIND = {"AUTH_SHUTDOWN_DELAY": "240", "SHUTDOWN_TIMEOUT": "300"}
"""Longer than any test: what ends earlier has not waited for it."""

UPGRADING = """
import app.cli.workers as workers, os
installed = workers.version
workers.version = lambda package: "99" if os.path.exists({file!r}) else installed(package)
from app.cli import main
main()
"""
"""`fm-auth` whose package is another version as long as there is a file."""
LIKE_PRODUCTION = {"AUTH_SHUTDOWN_DELAY": "5", "SHUTDOWN_TIMEOUT": "25"}


def errands(service: Service) -> list[Errand]:
    """A warm read, a write with its audit and its events, and what costs nothing."""
    name, token = service.register()
    body = f'{{"username": "{name}"}}'.encode()
    return [
        Errand("GET", "/api/v1/auth/me", token=token),
        Errand("POST", "/api/v1/auth/dev-login", body=body),
        Errand("GET", "/health"),
    ]


@pytest.fixture
def unlimited(settings: dict[str, str]) -> dict[str, str]:
    """Two workers that are asked as often as the tests can, and leave as in production."""
    return {**settings, "WORKERS": "2", "RATE_LIMIT_ENABLED": "false", **LIKE_PRODUCTION}


@pytest.mark.parametrize(("number", "group"), [(SIGTERM, False), (SIGINT, True)])
def test_a_stop_drops_nothing_and_is_announced_before_anything_ends(
    number: signal.Signals, *, group: bool, services: Services, unlimited: dict[str, str]
) -> None:
    """Of a group, as a terminal and systemd signal it, the workers hear it twice."""
    service = services({**unlimited, **NEVER_MIND}).start()
    with pressing(service.port, errands(service)) as press:
        press.goes_on()
        (os.killpg if group else os.kill)(service.pid, number)
        eventually(lambda: {"shutting_down"} == said_of_readiness(service))
        told = press.told_to_leave
        press.goes_on(300)
        assert press.told_to_leave > told

    assert {} == press.failures
    assert 0 == service.end(number)  # the second one: nobody waits for the balancer any more
    assert {} == processes_of(services.folder)
    assert "Traceback" not in service.output


def test_a_request_under_way_is_finished_and_no_further_one_is_taken(
    services: Services, settings: dict[str, str]
) -> None:
    service = services(settings).start()
    name, _ = service.register()
    asking = half_asked(service, name)
    os.kill(service.pid, SIGTERM)
    eventually(lambda: not takes_connections(service.port))

    asking.sendall(b"}")
    answer = received(asking)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"}")
    assert 0 == service.wait()
    assert "requests_cut" not in service.output


def test_a_request_that_takes_too_long_is_cut_and_the_log_says_so(
    services: Services, settings: dict[str, str]
) -> None:
    service = services({**settings, "SHUTDOWN_TIMEOUT": "5"}).start()
    name, _ = service.register()
    asking = half_asked(service, name)
    os.kill(service.pid, SIGTERM)

    answer = received(asking)

    assert b"" == answer
    assert 0 == service.wait()
    assert '"event":"requests_cut","requests":1,' in service.output
    assert "worker_killed" not in service.output
    assert "Traceback" not in service.output


def test_a_worker_that_hangs_is_killed_when_the_time_is_over(
    services: Services, settings: dict[str, str]
) -> None:
    service = services({**settings, "SHUTDOWN_TIMEOUT": "5"}).start()
    (worker,) = service.workers.pids()
    os.kill(worker, SIGSTOP)

    assert 0 == service.end()

    assert 1 == service.output.count('"worker_killed"')
    assert {} == processes_of(services.folder)


def test_workers_are_replaced_one_after_another_as_long_as_new_ones_become_ready(
    services: Services, unlimited: dict[str, str]
) -> None:
    """New ones read files anew, and nobody leaves before one is there: no request fails."""
    file = services.folder / "master-key"
    right = unlimited.pop("AUTH_MASTER_KEY")
    file.write_text(right)
    upgraded = services.folder / "upgraded"
    command = (sys.executable, "-c", UPGRADING.format(file=str(upgraded)), "serve")
    service = services({**unlimited, "AUTH_MASTER_KEY_FILE": str(file)}, command=command).start()
    before = service.workers.pids()
    with pressing(service.port, errands(service)) as press:
        upgraded.touch()
        os.kill(service.pid, SIGHUP)
        eventually(lambda: "version 99 is installed" in service.output, seconds=120)
        upgraded.unlink()
        file.write_text(secrets.token_hex(32))
        os.kill(service.pid, SIGHUP)
        eventually(lambda: service.output.count("worker_not_replaced") == 2, seconds=120)
        eventually(lambda: service.workers.pids() == before)
        press.goes_on()

        file.write_text(right)
        os.kill(service.pid, SIGHUP)
        eventually(lambda: "workers_replaced" in service.output, seconds=120)
        press.goes_on()

    assert {} == press.failures
    assert press.told_to_leave
    assert 2 == len(service.workers.pids())
    assert not before & service.workers.pids()
    assert "shutting_down" not in service.output


def test_a_killed_worker_fails_only_what_it_was_at_and_is_replaced(
    services: Services, unlimited: dict[str, str]
) -> None:
    service = services(unlimited).start()
    killed = min(service.workers.pids())
    with pressing(service.port, errands(service), kept=4, fresh=4) as press:
        press.goes_on()
        os.kill(killed, SIGKILL)
        eventually(lambda: len(service.workers.pids() - {killed}) == 2)
        press.goes_on(400)

    # each client had at most one request there; whoever connects waits for the next worker
    assert press.failures.total() <= 8
    assert all(kind.startswith(("sending: ", "reading: ")) for kind in press.failures)
    assert 1 == service.output.count('"worker_ended"')
    assert 0 == service.end()


def said_of_readiness(service: Service, connections: int = 24) -> set[str]:
    """What readiness says on so many connections: all of them at one worker would be a wonder."""
    answers = [
        httpx.get(f"{service.url}/health/ready", timeout=ANSWER_SECONDS, trust_env=False)
        for _ in range(connections)
    ]
    assert {answer.status_code for answer in answers} <= {200, 503}
    return {answer.json().get("code") or answer.json()["status"] for answer in answers}


def half_asked(service: Service, name: str) -> socket.socket:
    """A connection on which all of a log-in has been sent but its last byte, and is at a worker."""
    body = f'{{"username": "{name}"'.encode()
    asking = socket.create_connection(("127.0.0.1", service.port))
    asking.settimeout(ANSWER_SECONDS)
    asking.sendall(
        b"POST /api/v1/auth/dev-login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1)
    )
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == asking.recv(1024)  # somebody waits for the body
    asking.sendall(body)
    return asking


def received(asking: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    answer = b""
    with asking, suppress(ConnectionError):
        while data := asking.recv(65536):
            answer += data
    return answer
