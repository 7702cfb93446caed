"""A client of redis-py for one key: its connections lead to whoever has the key."""

import asyncio
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError
from redis.exceptions import ConnectionError as NoConnection

from adapters.redis.cluster.dial import ClusterUrl
from adapters.redis.cluster.topology import Address
from adapters.redis.cluster.views import Finder
from adapters.redis.primary_pool import FRESH
from adapters.redis.sentinels import Agreement, Primary
from auth_core.kernel import Secret

_ELSEWHERE = (MovedError, AskError, TryAgainError, ClusterDownError, ReadOnlyError)


class HolderConnection(Connection):
    """Asks where to connect to each time that it connects.

    A node that says that the key is elsewhere is left: the next command connects anew.
    """

    def __init__(
        self, *, find: Callable[[], Coroutine[None, None, Address]], **options: Any
    ) -> None:
        super().__init__(**options)
        self._find = find

    async def _connect(self) -> None:
        self.host, self.port = await self._find()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """See `Connection.read_response`."""
        try:
            return await super().read_response(*arguments, **options)
        except _ELSEWHERE as error:
            await self.disconnect(nowait=True)
            raise NoConnection("the key is elsewhere now") from error


class SSLHolderConnection(HolderConnection, SSLConnection):
    """The same over TLS."""


class HolderPool(ConnectionPool):
    """Connections to whoever has a key; ``options`` are of redis-py."""

    def __init__(self, url: Secret[str], key: str, **options: Any) -> None:
        nodes = ClusterUrl(url)
        kind = SSLHolderConnection if issubclass(nodes.kind, SSLConnection) else HolderConnection
        where = {
            name: value for name, value in nodes.options.items() if name not in {"host", "port"}
        }
        self._finder = Finder(nodes, key)
        self._found: Agreement | None = None
        super().__init__(connection_class=kind, find=self._address, **where, **options)

    async def primary(self) -> Agreement:
        """Who has the key, asked once a second at most. Raises ConnectionError of redis-py.

        How long they have had it is not known: as if for ever, until another has it.
        """
        found, now = self._found, asyncio.get_running_loop().time()
        if found is None or now - found.asked_at > FRESH:
            holder = await self._finder.find()
            found = Agreement(Primary(*holder.address, holder.epoch), inf, now)
            self._found = found
        return found

    async def _address(self) -> Address:
        return (await self._finder.find()).address
