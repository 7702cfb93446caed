"""After a kill -9 of the run, of a server, or of both."""

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from adapters.embedded import (
    EmbeddedServers,
    EmbeddedServersError,
    PostgresServer,
    ValkeyServer,
    postgres,
    server,
)
from adapters.embedded.binaries import postgres_program


def pids(servers):
    return [servers.postgres.pid, servers.valkey.pid]


def test_the_servers_of_a_killed_run_are_adopted_and_then_stopped(data, run, clients, processes):
    killed = run(data)
    clients.sql(killed.endpoints, "CREATE TABLE t AS SELECT 'kept' AS v")
    clients.set(killed.endpoints, "k", "kept")
    killed.kill()

    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        assert pids(servers) == killed.report["pids"]
        assert clients.sql(endpoints, "SELECT v FROM t") == "kept"
        assert clients.get(endpoints, "k") == "kept"

    assert processes.on(data) == []


def test_a_run_killed_with_its_servers_is_followed_by_a_clean_start(data, run, clients):
    killed = run(data)
    clients.sql(killed.endpoints, "CREATE TABLE t AS SELECT 'kept' AS v")
    clients.set(killed.endpoints, "k", "kept")
    clients.save(killed.endpoints)
    killed.kill()
    for pid in killed.report["pids"]:
        os.kill(pid, signal.SIGKILL)

    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()

        assert set(pids(servers)).isdisjoint(killed.report["pids"])
        assert clients.sql(endpoints, "SELECT v FROM t") == "kept"
        assert clients.get(endpoints, "k") == "kept"


def test_a_terminated_run_without_a_handler_is_like_a_killed_one(data, run):
    terminated = run(data)
    terminated.interrupt(signal.SIGTERM)

    with EmbeddedServers(data, durable=False) as servers:
        assert pids(servers) == terminated.report["pids"]


def test_a_killed_postgres_starts_again_with_all_that_was_committed(data, clients):
    with EmbeddedServers(data) as servers:
        endpoints = servers.start()
        clients.sql(endpoints, "CREATE TABLE t AS SELECT 'kept' AS v")
        valkey = servers.valkey.pid

        servers.postgres.kill()
        assert servers.postgres.pid is None
        servers.postgres.start()

        assert clients.sql(endpoints, "SELECT v FROM t") == "kept"
        assert servers.valkey.pid == valkey


def test_a_killed_valkey_starts_again_with_what_it_had_saved(data, clients):
    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        clients.set(endpoints, "k", "kept")
        clients.save(endpoints)

        servers.valkey.kill()
        assert servers.valkey.pid is None
        servers.valkey.start()

        assert clients.get(endpoints, "k") == "kept"


def test_one_server_can_be_stopped_and_started(data, clients, processes):
    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        servers.postgres.stop()
        assert not servers.postgres.socket_path.exists()
        assert processes.on(data) == [servers.valkey.pid]

        servers.postgres.start()

        assert clients.sql(endpoints, "SELECT 1") == "1"


def test_start_starts_again_what_has_died(data, clients):
    with EmbeddedServers(data, durable=False) as servers:
        servers.postgres.kill()
        servers.valkey.kill()

        endpoints = servers.start()

        assert clients.sql(endpoints, "SELECT 1") == "1"
        assert clients.get(endpoints, "nothing") is None


def test_a_backend_too_busy_to_notice_is_ended(data, clients, monkeypatch, processes):
    monkeypatch.setattr(postgres, "_ORPHAN_SECONDS", 0.3)
    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        endless = "SELECT count(*) FROM generate_series(1, 1000000000000) AS n"
        with subprocess.Popen(
            [postgres_program("psql"), endpoints.database_url, "-c", endless],
            stderr=subprocess.DEVNULL,
        ) as client:
            busy = (
                "SELECT pid FROM pg_stat_activity "
                "WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()"
            )
            while not (backend := clients.sql(endpoints, busy)):
                time.sleep(0.01)
            servers.postgres.kill()

            servers.postgres.start()

            assert not processes.alive(int(backend))
            assert clients.sql(endpoints, "SELECT 1") == "1"
            client.kill()


@contextmanager
def stranger_process():
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        try:
            yield stranger
        finally:
            stranger.kill()


@pytest.mark.parametrize("file", ["postgres/postmaster.pid", "valkey/valkey.pid"])
def test_a_stale_pid_file_naming_a_stranger_is_no_obstacle(data, clients, file, run):
    killed = run(data)
    killed.kill()
    for pid in killed.report["pids"]:
        os.kill(pid, signal.SIGKILL)
    with stranger_process() as stranger:
        lines = (data / file).read_text().splitlines()
        (data / file).write_text("\n".join([str(stranger.pid), *lines[1:], ""]))

        with EmbeddedServers(data, durable=False) as servers:
            endpoints = servers.start()
            assert clients.sql(endpoints, "SELECT 1") == "1"
            assert clients.get(endpoints, "nothing") is None

        assert stranger.poll() is None


def test_servers_that_hang_are_replaced(data, run, monkeypatch, clients):
    monkeypatch.setattr(server, "_ADOPTION_SECONDS", 0.1)
    monkeypatch.setattr(server, "_ANSWER_SECONDS", 0.2)
    for kind in (PostgresServer, ValkeyServer):
        monkeypatch.setattr(kind, "escalation", ((signal.SIGINT, 0.1), (signal.SIGKILL, 5.0)))
    killed = run(data)
    killed.kill()
    for pid in killed.report["pids"]:
        os.kill(pid, signal.SIGSTOP)

    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()

        assert set(pids(servers)).isdisjoint(killed.report["pids"])
        assert clients.sql(endpoints, "SELECT 1") == "1"


def test_a_worker_that_outlives_its_killed_master_does_not_lock_the_folder(data, run):
    killed = run(data, "--fork")
    killed.kill()

    with EmbeddedServers(data, durable=False) as servers:
        assert pids(servers) == killed.report["pids"]

    os.kill(killed.report["forked"], signal.SIGKILL)


def test_a_first_run_killed_half_way_is_made_anew(data, clients):
    shutil.move(data / "postgres", data / "postgres.new")
    (data / "postgres.new" / "global" / "pg_control").unlink()

    with EmbeddedServers(data, durable=False) as servers:
        assert clients.sql(servers.start(), "SELECT 1") == "1"

    assert not (data / "postgres.new").exists()


def test_a_data_folder_that_was_moved_works_even_while_orphans_run_on_it(data, run, clients):
    killed = run(data)
    killed.kill()
    moved = data.rename(data.with_name("moved"))

    with EmbeddedServers(moved, durable=False) as servers:
        endpoints = servers.start()

        assert pids(servers) == killed.report["pids"]
        assert clients.sql(endpoints, "SELECT 1") == "1"
        assert clients.get(endpoints, "nothing") is None


def test_a_revival_starts_what_has_died_and_leaves_the_other_alone(data, clients):
    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        assert () == servers.revive()
        postgres, valkey = servers.postgres.pid, servers.valkey.pid

        servers.valkey.kill()

        assert ("Valkey",) == servers.revive()
        assert postgres == servers.postgres.pid
        assert valkey != servers.valkey.pid
        servers.postgres.kill()
        servers.valkey.kill()
        assert ("PostgreSQL", "Valkey") == servers.revive()
        assert "1" == clients.sql(endpoints, "SELECT 1")
    assert () == servers.revive()  # nothing comes back after the stop


def test_a_stop_during_a_revival_leaves_nothing_running(data, processes):
    """The thread that revives is given up, and its server is stopped as well."""
    for _ in range(3):
        servers = EmbeddedServers(data, durable=False)
        servers.start()
        servers.postgres.kill()
        failures = []

        def revive(servers=servers, failures=failures):
            try:
                servers.revive()
            except EmbeddedServersError as error:
                failures.append(error)

        reviving = threading.Thread(target=revive)
        reviving.start()
        servers.stop()
        reviving.join(30)

        assert not reviving.is_alive()
        assert [] == processes.on(data)
