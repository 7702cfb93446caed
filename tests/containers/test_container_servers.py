"""The images that the suites run against are the servers that the service promises to support."""

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.containers.servers import Servers

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]


async def test_postgres_is_version_18(container_servers: Servers) -> None:
    connection = await asyncpg.connect(container_servers.postgres_url)
    try:
        assert int(await connection.fetchval("SHOW server_version_num")) >= 180_000
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SELECT uuidv7()") is not None
    finally:
        await connection.close()


async def test_postgres_wants_the_password(container_servers: Servers) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(container_servers.postgres_url, password="wrong")


async def test_valkey_answers_and_evicts_nothing(container_servers: Servers) -> None:
    async with Redis.from_url(container_servers.redis_url) as client:
        assert await client.ping()
        assert (await client.info("server"))["valkey_version"] >= "9"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
