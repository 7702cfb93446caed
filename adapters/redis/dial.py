"""Opening a connection: redis-py connects, speaks TLS and authenticates; a Link takes over."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from redis.asyncio.connection import AbstractConnection, Connection, parse_url

from adapters.redis.commands import GENERATION_LENGTH
from adapters.redis.link import Link
from adapters.redis.trouble import Unsuitable
from auth_core.kernel import Secret

CONNECT_LIMIT: Final = 0.5
"""Seconds to an authenticated connection, and again to knowing whose it is."""

_OPTIONS = frozenset({"host", "port", "path", "db", "username", "password"})


class Dialler(Protocol):
    """How a process comes to its link, in one mode of Redis."""

    @property
    def address(self) -> str:
        """Where it leads, without credentials: it may be shown."""

    def open(self) -> AbstractAsyncContextManager[Link]:
        """A link that is closed at the end of the block.

        Raises Unsuitable, OSError, TimeoutError or an error of redis-py.
        """

    async def confirm(self, link: Link) -> None:
        """Asked about once a second while a link is open: fails it if another should be used."""

    async def close(self) -> None:
        """Let go of what is kept open between links."""


class ServerDialler:
    """Opens links to one server that never changes."""

    def __init__(self, url: Secret[str]) -> None:
        connection, options = connection_options(url.reveal())
        self._class, self._options = connection, options
        self._serial = 0
        path, port = options.get("path"), options.get("port", 6379)
        self.address = str(path) if path else f"{options.get('host', 'localhost')}:{port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """See `Dialler.open`."""
        self._serial += 1
        async with connected(self._class, self._options, CONNECT_LIMIT) as connection:
            async with asyncio.timeout(CONNECT_LIMIT):
                generation = await run_id(connection)
            async with linked(connection, serial=self._serial, generation=generation) as link:
                yield link

    async def confirm(self, link: Link) -> None:
        """Nothing: there is no other server."""

    async def close(self) -> None:
        """Nothing: nothing is kept."""


def connection_options(url: str) -> tuple[type[AbstractConnection], dict[str, Any]]:
    """How redis-py connects to a URL.

    Time-outs, pool sizes and decoding are ours to decide, whatever the URL says.
    """
    parsed: dict[str, Any] = dict(parse_url(url))
    connection: type[AbstractConnection] = parsed.pop("connection_class", Connection)
    options = {
        name: value for name, value in parsed.items() if name in _OPTIONS or name.startswith("ssl_")
    }
    return connection, options


@asynccontextmanager
async def connected(
    kind: type[AbstractConnection], options: dict[str, Any], limit: float
) -> AsyncIterator[AbstractConnection]:
    """An authenticated connection, within ``limit`` seconds, closed at the end of the block."""
    connection = kind(
        **options,
        protocol=2,
        # no time-outs of redis-py's: it has wait_for keep them, which before Python 3.12 may
        # swallow a cancellation
        socket_timeout=None,
        socket_connect_timeout=None,
        driver_info=None,
    )
    try:
        async with asyncio.timeout(limit):
            await connection.connect()  # type: ignore[no-untyped-call]
        yield connection
    finally:
        await connection.disconnect(nowait=True)


@asynccontextmanager
async def linked(
    connection: AbstractConnection, *, serial: int, generation: str
) -> AsyncIterator[Link]:
    """A link that takes the connection over, failed at the end of the block."""
    transport = transport_of(connection)
    link = Link(transport, serial=serial, generation=generation)
    transport.set_protocol(link)
    try:
        yield link
    finally:
        link.fail("it is not used any more")


async def ask(connection: AbstractConnection, *command: str) -> object:
    """The answer to one command. Raises an error of redis-py when the server refuses."""
    await connection.send_command(*command)
    return cast("object", await connection.read_response())


async def run_id(connection: AbstractConnection) -> str:
    """The server's run id, shortened. Raises Unsuitable when it has none, or is of a cluster."""
    facts = facts_in(await ask(connection, "INFO", "server"))
    if in_cluster_mode(facts):
        raise Unsuitable("it is a node of a cluster: set REDIS_MODE=cluster")
    return run_in(facts)


def transport_of(connection: AbstractConnection) -> asyncio.Transport:
    """The transport of an open connection, for a link to take over."""
    # the one private name of redis-py that we use; its StreamWriter closes the transport when it
    # is collected, so `connection` has to outlive the link
    return cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001


def facts_in(info: object) -> dict[str, str]:
    """An answer of the form of INFO, by name."""
    text = info.decode("utf-8", "replace") if isinstance(info, bytes) else str(info)
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#")


def in_cluster_mode(facts: Mapping[str, str]) -> bool:
    """Whether this INFO server is of a node of a cluster."""
    return "cluster" in {facts.get("redis_mode"), facts.get("server_mode")}  # Redis, Valkey


def run_in(facts: Mapping[str, str]) -> str:
    """The run id in INFO server, shortened.

    It must be the same for every connection to one run of a server and differ for any other run.
    ``master_replid`` looks similar and is not fit: it may change while connections stay open.
    Raises Unsuitable when there is none.
    """
    generation = facts.get("run_id", "")[:GENERATION_LENGTH]
    if len(generation) != GENERATION_LENGTH or not generation.isalnum():
        raise Unsuitable("it does not tell its run_id (INFO server)")
    return generation


if TYPE_CHECKING:
    _: type[Dialler] = ServerDialler
