"""Whom PostgreSQL runs as: ourselves, root in a user namespace, or an account."""

import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

from adapters.embedded import EmbeddedServers, EmbeddedServersError
from adapters.embedded.binaries import postgres_program
from adapters.embedded.identity import choose_account, choose_namespace

pytestmark = pytest.mark.usefixtures("as_root")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def user_namespace(pid) -> Path:
    return Path(f"/proc/{pid}/ns/user").readlink()


@pytest.fixture
def account(open_folder):
    """The account that root falls back to, if it can reach the programs on this machine."""
    folder = open_folder / "probe" / "postgres"
    folder.mkdir(parents=True)
    try:
        identity = choose_account(postgres_program("postgres"), folder)
    except EmbeddedServersError as error:
        pytest.skip(f"no account can run the programs where they are installed here: {error}")
    return pwd.getpwuid(identity.uid)


def test_root_runs_postgres_without_capabilities_and_keeps_its_files(data, processes):
    with EmbeddedServers(data, durable=False, choose_identity=choose_namespace) as servers:
        pid = servers.postgres.pid
        assert processes.status(pid, "CapEff") == ["0000000000000000"]
        assert processes.status(pid, "Uid") == ["0"] * 4
        assert user_namespace(pid) != user_namespace("self")

    assert {path.stat().st_uid for path in data.rglob("*")} == {0}


def test_root_needs_no_open_parent_folder(made_data, tmp_path, clients):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    data = shutil.copytree(made_data, closed / "data")

    with EmbeddedServers(data, durable=False) as servers:
        assert clients.sql(servers.start(), "SELECT 1") == "1"

    assert mode(closed) == 0o700


def test_where_namespaces_are_refused_root_falls_back_to_an_account(
    open_folder, run, clients, processes, account
):
    data = open_folder / "data"

    holder = run(data, "--no-namespaces")

    postgres = holder.report["pids"][0]
    assert processes.status(postgres, "Uid") == [str(account.pw_uid)] * 4
    assert processes.status(postgres, "Groups") == []
    assert clients.sql(holder.endpoints, "SELECT 1") == "1"
    assert clients.get(holder.endpoints, "nothing") is None


def test_the_account_owns_its_folder_and_may_only_pass_through_ours(open_folder, clients, account):
    data = open_folder / "data"
    with EmbeddedServers(data, durable=False, choose_identity=choose_account) as servers:
        clients.sql(servers.start(), "CREATE TABLE t AS SELECT 'kept' AS v")
        assert (data / "postgres").stat().st_uid == account.pw_uid
        assert mode(data / "postgres") == 0o700
        assert (data.stat().st_uid, data.stat().st_gid) == (0, account.pw_gid)
        assert mode(data) == 0o710
        assert {(data / name).stat().st_uid for name in ("valkey", "log", "lock")} == {0}
        assert mode(data / "valkey") == mode(data / "log") == 0o700
    assert mode(open_folder) == 0o755


def test_data_go_from_one_identity_to_the_other(data, open_folder, clients, account):
    moved = shutil.move(data, open_folder / "data")
    for choose_identity, owner in (
        (choose_account, account.pw_uid),
        (choose_namespace, 0),
        (choose_account, account.pw_uid),
    ):
        with EmbeddedServers(moved, durable=False, choose_identity=choose_identity) as servers:
            clients.sql(servers.start(), "CREATE TABLE IF NOT EXISTS t (v int)")
        assert {path.stat().st_uid for path in (moved / "postgres").rglob("*")} == {owner}


def test_the_account_uses_a_short_socket_folder_too(open_folder, clients, account):
    data = open_folder / ("long" * 20) / "data"
    with EmbeddedServers(data, durable=False, choose_identity=choose_account) as servers:
        endpoints = servers.start()
        private = servers.postgres.socket_path.parent.parent
        assert clients.sql(endpoints, "SELECT 1") == "1"
        assert (mode(private), private.stat().st_gid) == (0o710, account.pw_gid)
        assert mode(servers.postgres.socket_path) == 0o700
    assert not private.exists()


def test_an_account_that_cannot_reach_the_data_is_explained(data):
    with pytest.raises(EmbeddedServersError, match="may not use the folder") as raised:
        EmbeddedServers(data, choose_identity=choose_account).start()

    assert str(data / "postgres") in str(raised.value)


def test_when_no_way_works_the_ways_out_are_named(tmp_path, run, processes):
    # pytest's folder is closed to all accounts
    text = run(tmp_path / "data", "--no-namespaces").report["error"]

    assert "PostgreSQL refuses to run as root" in text
    assert "In a user namespace: " in text
    assert "refuses user namespaces" in text
    assert "may not use the folder" in text
    assert "Run as an ordinary user" in text
    assert "DATABASE_URL" in text
    assert processes.on(tmp_path / "data") == []


def test_an_ordinary_user_needs_none_of_this(open_folder, run, processes, clients, account):
    nobody = pwd.getpwnam("nobody").pw_uid
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody, nobody)

    holder = run(home / "data", f"--uid={nobody}")

    for pid in holder.report["pids"]:
        assert processes.status(pid, "Uid") == [str(nobody)] * 4
        assert user_namespace(pid) == user_namespace("self")
    assert clients.sql(holder.endpoints, "SELECT 1") == "1"
    assert (home / "data").stat().st_uid == nobody
    assert mode(home / "data") == 0o700
