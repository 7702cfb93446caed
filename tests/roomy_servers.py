"""Embedded servers for the workers of a whole run."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from adapters.embedded import EmbeddedServers, Endpoints

_CONNECTIONS = 400
"""Workers of the whole run keep theirs for minutes; PostgreSQL's own 100 are not enough."""


def roomy(servers: EmbeddedServers) -> Endpoints:
    """Start servers that take the connections of many workers."""
    endpoints = servers.start()

    async def widen() -> None:
        connection = await asyncpg.connect(endpoints.database_url)
        await connection.execute(f"ALTER SYSTEM SET max_connections = {_CONNECTIONS}")
        await connection.close()

    with ThreadPoolExecutor(1) as thread:  # the loop of the tests may run in this one
        thread.submit(asyncio.run, widen()).result()
    servers.postgres.stop()
    return servers.start()
