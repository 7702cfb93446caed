"""A PostgreSQL that has no room left: on its disk, or for connections."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded.servers import EmbeddedServers
from auth_core.kernel import Secret
from tests.hearing import capture_logs_of
from tests.service_role import migrate
from tests.serving import Client, bearer, development, serving

AUTH = "/api/v1/auth"
FEW = 200


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 32 MB; needs the right to mount one."""
    folder = Path(tempfile.mkdtemp(prefix="fm-small-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        folder.rmdir()
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(mounted.stderr.decode())
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


async def register(client: Client, name: str) -> tuple[int, str]:
    answer = await client.post(f"{AUTH}/dev-register", json={"username": name})
    if answer.status_code != 201:
        assert (503, "service_unavailable") == (answer.status_code, answer.json()["code"])
        assert int(answer.headers["retry-after"]) >= 1
        return answer.status_code, ""
    return answer.status_code, answer.json()["access_token"]


@pytest.mark.sec("SEC-72")
async def test_a_full_disk_refuses_what_is_written_and_keeps_nothing_by_halves(
    small_disk: Path, own_servers: EmbeddedServers
) -> None:
    places = own_servers.start()
    room = small_disk / "room"
    room.mkdir()
    owner = (own_servers._directory.postgres).stat()
    for each in (small_disk, room):
        os.chown(each, owner.st_uid, owner.st_gid)
    admin = await asyncpg.connect(places.database_url)
    await admin.execute(f"CREATE TABLESPACE small LOCATION '{room}'")
    await admin.execute("CREATE DATABASE small TABLESPACE small")
    url = places.database_url.replace("/fm_auth?", "/small?")
    await _in_thread(migrate, Secret(url))
    filler = await asyncpg.connect(url)
    await filler.execute("CREATE TABLE filler (filling text)")

    async with serving(development(url, places.redis_url)) as client:
        _, token = await register(client, "alice")
        for rows in (1_000, 10, 1):  # until not even a page is left
            with pytest.raises(asyncpg.DiskFullError):
                await _fill(filler, rows)
        with capture_logs_of("database_") as logs:
            answers = {f"bob-{n}": (await register(client, f"bob-{n}"))[0] for n in range(FEW)}
        assert 503 in answers.values()
        assert "has no room left on its disk" in logs[0]["problem"]
        assert 200 == (await client.get(f"{AUTH}/me", headers=bearer(token))).status_code
        stored = {row[0] for row in await filler.fetch("SELECT username FROM users")}
        assert {"alice", *(name for name, status in answers.items() if status == 201)} == stored

        remount = ["mount", "-o", "remount,size=96m", str(small_disk)]
        await asyncio.to_thread(subprocess.run, remount, check=True)
        assert 201 == (await register(client, "carol"))[0]
        assert 200 == (await client.get("/health/ready")).status_code
    await filler.close()
    await admin.close()


@pytest.mark.sec("SEC-72")
async def test_a_server_that_takes_no_more_connections_refuses_and_is_used_again(
    own_servers: EmbeddedServers,
) -> None:
    places = own_servers.start()
    await _in_thread(migrate, Secret(places.database_url))
    admin = await asyncpg.connect(places.database_url)
    await admin.execute("ALTER DATABASE fm_auth CONNECTION LIMIT 0")
    environ = development(places.database_url, places.redis_url)

    async with serving(environ) as client:
        assert 503 == (await register(client, "alice"))[0]
        assert 503 == (await client.get("/health/ready")).status_code

        await admin.execute("ALTER DATABASE fm_auth CONNECTION LIMIT -1")
        await _ready(client)
        assert 201 == (await register(client, "alice"))[0]
    await admin.close()


async def _fill(filler: asyncpg.Connection, rows: int) -> None:
    while True:
        await filler.execute(
            "INSERT INTO filler SELECT repeat('x', 500) FROM generate_series(1, $1)", rows
        )


async def _ready(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            if (await client.get("/health/ready")).status_code == 200:
                return
            await asyncio.sleep(0.05)


async def _in_thread(work: Callable[[Secret[str]], None], url: Secret[str]) -> None:
    await asyncio.to_thread(work, url)
