"""Redis is killed, stopped, emptied, restarted: answers stay correct, what ended stays ended."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from adapters.embedded import EmbeddedServers
from tests.e2e.running import Service, Services, eventually


@pytest.fixture
def stopped_valkey(external: EmbeddedServers) -> Iterator[int]:
    """The pid of the Valkey, to be stopped and continued; it continues in the end."""
    pid = external.valkey.pid
    assert pid is not None
    yield pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def ask(servers: EmbeddedServers, command: str) -> bytes:
    """What the Valkey answers to one command."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(servers.valkey.socket_path))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(65536)


def test_without_redis_at_the_start_it_serves_and_comes_out_of_it_by_itself(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    external.valkey.stop()
    service = services(settings).start()

    service.until("degraded")
    assert "degraded" == service.get("/api/v1/auth/health").json()["status"]
    name, token = service.register()
    assert 200 == service.check(token)
    ended = service.log_in(name)
    service.log_out(ended)
    assert 401 == service.check(ended)

    external.start()
    service.until("ready")

    assert (200, 401) == (service.check(token), service.check(ended))
    assert "healthy" == service.get("/api/v1/auth/health").json()["status"]


@pytest.mark.sec("SEC-72", "SEC-29")
def test_redis_killed_in_flight_changes_no_answer(
    deployed: Service, external: EmbeddedServers
) -> None:
    name, token = deployed.register()
    warm = deployed.log_in(name)
    assert {200} == deployed.checks(token) | deployed.checks(warm)

    external.valkey.kill()

    assert {200} == deployed.checks(token)
    deployed.log_out(warm)
    assert {401} == deployed.checks(warm)
    assert {200} == deployed.checks(deployed.log_in(name))
    deployed.until("degraded")


@pytest.mark.sec("SEC-29", "SEC-33")
@pytest.mark.parametrize("trouble", ["killed", "hanging"])
def test_a_token_logged_out_while_redis_was_away_stays_refused_when_an_old_redis_returns(
    trouble: str, deployed: Service, external: EmbeddedServers, stopped_valkey: int
) -> None:
    name, keep = deployed.register()
    token = deployed.log_in(name)
    assert {200} == deployed.checks(token) | deployed.checks(keep)
    # a snapshot in which the session lives
    assert b"+OK" in ask(external, "SAVE")

    if trouble == "killed":
        external.valkey.kill()
    else:
        os.kill(stopped_valkey, signal.SIGSTOP)
    deployed.log_out(token)
    assert {401} == deployed.checks(token)
    if trouble == "killed":
        external.start()
    else:
        os.kill(stopped_valkey, signal.SIGCONT)

    assert {401} == deployed.checks(token)
    deployed.until("ready")
    assert {401} == deployed.checks(token)
    assert {200} == deployed.checks(keep)


@pytest.mark.sec("SEC-29")
def test_flushing_redis_logs_nobody_out_and_revives_nobody(
    deployed: Service, external: EmbeddedServers
) -> None:
    name, token = deployed.register()
    ended = deployed.log_in(name)
    assert {200} == deployed.checks(token) | deployed.checks(ended)
    deployed.log_out(ended)

    for _ in range(3):
        assert b"+OK" in ask(external, "FLUSHALL")
        assert {200} == deployed.checks(token)
        assert {401} == deployed.checks(ended)


@pytest.mark.sec("SEC-33")
def test_a_restart_of_redis_is_not_noticed(deployed: Service, external: EmbeddedServers) -> None:
    name, token = deployed.register()
    ended = deployed.log_in(name)
    assert {200} == deployed.checks(token) | deployed.checks(ended)
    deployed.log_out(ended)

    external.valkey.stop()
    external.start()

    assert {200} == deployed.checks(token)
    assert {401} == deployed.checks(ended)
    deployed.until("ready")
    assert ({200}, {401}) == (deployed.checks(token), deployed.checks(ended))


@pytest.mark.sec("SEC-29")
def test_a_logout_is_refused_by_every_worker_from_the_moment_it_is_answered(
    deployed: Service,
) -> None:
    name, _ = deployed.register()
    for _ in range(10):
        token = deployed.log_in(name)
        assert {200} == deployed.checks(token)

        deployed.log_out(token)

        assert {401} == deployed.checks(token)


@pytest.mark.sec("SEC-72")
def test_a_redis_that_takes_no_writes_is_soon_distrusted_by_every_worker(
    deployed: Service, external: EmbeddedServers
) -> None:
    name, token = deployed.register()
    ended = deployed.log_in(name)
    assert {200} == deployed.checks(token) | deployed.checks(ended)
    try:
        # a replica of nobody refuses every write
        assert b"+OK" in ask(external, "REPLICAOF 127.0.0.1 1")
        deployed.log_out(ended)
        # the worker that was asked knows at once, the others by the heartbeat of their connection
        assert 401 == deployed.check(ended)
        eventually(lambda: {401} == deployed.checks(ended))
        deployed.until("degraded")
        assert {200} == deployed.checks(token)
    finally:
        assert b"+OK" in ask(external, "REPLICAOF NO ONE")
    deployed.until("ready")
    assert ({200}, {401}) == (deployed.checks(token), deployed.checks(ended))


@pytest.mark.sec("SEC-29")
def test_a_logout_on_a_node_that_is_cut_off_from_redis_reaches_the_others_within_the_lifetime(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    lifetime = 5
    settings["AUTH_SESSION_CACHE_SECONDS"] = str(lifetime)
    way = services.folder / "valkey.sock"
    way.symlink_to(external.valkey.socket_path)
    cut_off = services({**settings, "REDIS_URL": f"unix://{way}"}).start()
    other = services(settings).start()
    _, token = cut_off.register()
    assert (200, 200) == (cut_off.check(token), other.check(token))

    way.unlink()
    ask(external, "CLIENT KILL TYPE normal SKIPME yes")
    cut_off.until("degraded")
    other.until("ready")
    cut_off.log_out(token)
    over = time.monotonic()

    assert 401 == cut_off.check(token)
    asked = [over]

    def refused() -> bool:
        asked.append(time.monotonic())
        return other.check(token) == 401

    eventually(refused)
    assert lifetime + 1 > asked[-2] - over  # when it was let in for the last time
