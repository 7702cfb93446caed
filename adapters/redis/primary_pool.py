"""Connections of redis-py's to the primary that the sentinels name."""

import asyncio
from typing import Any, Final, cast

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import ConnectionError as NoConnection

from adapters.redis.sentinel_url import SentinelUrl
from adapters.redis.sentinels import Agreement, Primary, Sentinels
from adapters.redis.trouble import Unsuitable

FRESH: Final = 1.0
"""Seconds for which an answer of the sentinels is good."""


class PrimaryPool(ConnectionPool):
    """Asks the sentinels before a connection is used, once a second at most."""

    def __init__(self, url: SentinelUrl, **options: Any) -> None:
        super().__init__(url.kind, **url.server, **options)
        self._sentinels = Sentinels(url)
        self._turn = asyncio.Lock()
        self._found: Agreement | None = None

    async def primary(self) -> Agreement:
        """Where connections lead now. Raises ConnectionError of redis-py when nobody knows."""
        async with self._turn:
            found = self._found
            if found is None or asyncio.get_running_loop().time() - found.asked_at > FRESH:
                try:
                    found = await self._sentinels.agree()
                except Unsuitable as error:
                    raise NoConnection(str(error)) from error
                await self._lead_to(found.primary)
                self._found = found
            return found

    async def get_connection(
        self,
        command_name: Any = None,  # noqa: ARG002 - it is redis-py's signature
        *keys: Any,  # noqa: ARG002
        **options: Any,  # noqa: ARG002
    ) -> AbstractConnection:
        """A connection to the primary."""
        await self.primary()
        return cast("AbstractConnection", await super().get_connection())  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        """Close all connections, also those to the sentinels."""
        await super().aclose()
        await self._sentinels.close()

    async def _lead_to(self, primary: Primary) -> None:
        if self._found is not None and self._found.primary == primary:
            return
        self.connection_kwargs.update(host=primary.host, port=primary.port)
        connections = (*self._available_connections, *self._in_use_connections)
        for connection in cast("tuple[Connection, ...]", connections):
            connection.host, connection.port = primary.host, primary.port
            # those that are in use close once they come back
            connection.mark_for_reconnect()  # type: ignore[no-untyped-call]
        await self.disconnect(inuse_connections=False)
