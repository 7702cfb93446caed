"""A client of redis-py for one key: its connections lead to whoever has the key."""

from collections.abc import Callable, Coroutine
from typing import Any

from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError
from redis.exceptions import ConnectionError as NoConnection

from adapters.redis.cluster.dial import ClusterUrl
from adapters.redis.cluster.topology import Address
from adapters.redis.cluster.views import Finder
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


def holder_pool(url: Secret[str], key: str, **options: Any) -> ConnectionPool:
    """Connections to whoever has a key; ``options`` are of redis-py."""
    nodes = ClusterUrl(url)
    kind = SSLHolderConnection if issubclass(nodes.kind, SSLConnection) else HolderConnection
    where = {name: value for name, value in nodes.options.items() if name not in {"host", "port"}}
    return ConnectionPool(connection_class=kind, find=Finder(nodes, key).find, **where, **options)
