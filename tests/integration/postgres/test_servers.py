"""Several servers in one DATABASE_URL: which of them gets the connection."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import asyncpg
import pytest

from adapters.postgres.servers import Servers
from adapters.postgres.url import dsn
from auth_core.kernel import Secret

NOBODY = "postgresql://me@127.0.0.1:1/auth"


@pytest.fixture
def deaf() -> Iterator[str]:
    """A machine that is off: whoever connects hears nothing. (It is there, and never accepts.)"""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/auth"


async def works(connection: asyncpg.Connection) -> bool:
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        await connection.close()


@pytest.mark.sec("SEC-72")
async def test_each_server_has_its_own_time_and_the_good_one_comes_first_next_time(
    deaf: str, service_url: Secret[str]
) -> None:
    servers = Servers([deaf, NOBODY, dsn(service_url)])

    assert await works(await servers.connect(timeout=5))
    # less time than the deaf one would take
    assert await works(await asyncio.wait_for(servers.connect(timeout=600), 60))


async def test_who_is_cut_off_while_a_server_says_nothing_asks_the_next_one_then(
    deaf: str, service_url: Secret[str]
) -> None:
    servers = Servers([deaf, dsn(service_url)])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(servers.connect(timeout=600), 0.2)

    assert await works(await asyncio.wait_for(servers.connect(timeout=600), 60))


async def test_a_server_that_is_down_is_told_rather_than_a_standby_that_is_none(
    service_url: Secret[str],
) -> None:
    url = dsn(service_url)
    primary = f"{url}{'&' if '?' in url else '?'}target_session_attrs=standby"
    with pytest.raises(OSError):
        await Servers([primary, NOBODY]).connect(timeout=60)
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await Servers([primary, primary]).connect(timeout=60)
