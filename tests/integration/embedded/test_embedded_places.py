"""Data folders with names that sockets, URLs or PostgreSQL's settings find hard."""

import os
import shutil
import stat
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from adapters.embedded import EmbeddedServers, EmbeddedServersError
from adapters.embedded.directory import DataDirectory
from adapters.embedded.sockets import SocketFolders


@pytest.fixture
def long_data(made_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_data, tmp_path / ("long" * 20) / ("path" * 20) / "data"))


@pytest.mark.parametrize(
    "name",
    ["two words", "comma, comma", "quote \"'", "josé", "a?b#c%20d&e=f", "col:on@at", "$HOME"],
)
async def test_any_name_will_do(made_data, tmp_path, clients, name):
    data = shutil.copytree(made_data, tmp_path / name)

    with EmbeddedServers(data, durable=False) as servers:
        endpoints = servers.start()
        connection = await asyncpg.connect(endpoints.database_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert clients.sql(endpoints, "SELECT 1") == "1"
        async with redis.asyncio.Redis.from_url(endpoints.redis_url) as client:
            assert await client.ping()


def test_a_long_path_puts_the_sockets_into_a_short_private_folder(long_data, clients):
    servers = EmbeddedServers(long_data, durable=False)
    endpoints = servers.start()
    private = servers.postgres.socket_path.parent.parent
    try:
        assert clients.sql(endpoints, "SELECT 1") == "1"
        assert clients.get(endpoints, "nothing") is None
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert not private.is_relative_to(long_data)
        assert servers.valkey.socket_path.is_relative_to(private)
    finally:
        servers.stop()
    assert not private.exists()


def test_a_killed_run_with_a_long_path_is_adopted(long_data, run):
    killed = run(long_data)
    killed.kill()

    with EmbeddedServers(long_data, durable=False) as servers:
        assert [servers.postgres.pid, servers.valkey.pid] == killed.report["pids"]


@pytest.mark.usefixtures("as_root")
def test_a_socket_folder_made_by_somebody_else_is_refused(long_data, processes):
    private = SocketFolders(DataDirectory(long_data)).postgres.parent
    private.mkdir()
    os.chown(private, 65534, 65534)
    try:
        with pytest.raises(EmbeddedServersError, match=f"{private} should be our folder"):
            EmbeddedServers(long_data).start()
        assert processes.on(long_data) == []
        assert private.stat().st_uid == 65534
    finally:
        private.rmdir()


def test_a_socket_folder_that_is_a_link_is_refused(long_data, tmp_path):
    private = SocketFolders(DataDirectory(long_data)).postgres.parent
    private.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedServersError, match="choose a data folder with a shorter path"):
            EmbeddedServers(long_data).start()
        assert private.is_symlink()
    finally:
        private.unlink()


def test_a_long_temporary_folder_is_passed_over(long_data, tmp_path, monkeypatch):
    long_temporary = tmp_path / ("t" * 90)
    long_temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long_temporary))

    with EmbeddedServers(long_data, durable=False) as servers:
        assert servers.postgres.socket_path.is_relative_to("/tmp")


def test_a_link_to_the_data_folder_is_the_data_folder(data, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(data)

    with (
        EmbeddedServers(data, durable=False),
        pytest.raises(EmbeddedServersError, match=f"{data} is in use"),
    ):
        EmbeddedServers(link).start()
