"""Opening a connection: redis-py connects, speaks TLS and authenticates; a Link takes over."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, cast

from redis.asyncio.connection import AbstractConnection, Connection, parse_url

from adapters.redis.commands import GENERATION_LENGTH
from adapters.redis.link import Link
from adapters.redis.trouble import Unsuitable
from auth_core.kernel import Secret

CONNECT_LIMIT: Final = 0.5
"""Seconds from nothing to an authenticated connection whose server is known."""

_OPTIONS = frozenset({"host", "port", "path", "db", "username", "password"})


class Dialler:
    """Opens links to one server. ``address`` may be shown: it has no credentials."""

    def __init__(self, url: Secret[str]) -> None:
        parsed: dict[str, Any] = dict(parse_url(url.reveal()))
        self._class: type[AbstractConnection] = parsed.pop("connection_class", Connection)
        # time-outs, pool sizes and decoding are ours to decide, whatever the URL says
        self._options = {
            name: value
            for name, value in parsed.items()
            if name in _OPTIONS or name.startswith("ssl_")
        }
        self._serial = 0
        path, port = parsed.get("path"), parsed.get("port", 6379)
        self.address = str(path) if path else f"{parsed.get('host', 'localhost')}:{port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """A link that is closed at the end of the block.

        Raises Unsuitable, OSError, TimeoutError or an error of redis-py.
        """
        connection = self._connection()
        link: Link | None = None
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                await connection.connect()  # type: ignore[no-untyped-call]
                make = await self._meet(connection)
            transport = _transport(connection)
            link = make(transport)
            transport.set_protocol(link)
            yield link
        finally:
            if link is not None:
                link.fail("it is not used any more")
            await connection.disconnect(nowait=True)

    def _connection(self) -> AbstractConnection:
        return self._class(
            **self._options,
            protocol=2,
            # no time-outs of redis-py's: it has wait_for keep them, which before Python 3.12 may
            # swallow a cancellation
            socket_timeout=None,
            socket_connect_timeout=None,
            driver_info=None,
        )

    async def _meet(self, connection: AbstractConnection) -> Callable[[asyncio.Transport], Link]:
        """Learn whom we have reached: what makes the link."""
        facts = await ask(connection, "INFO", "server")
        if in_cluster_mode(facts):
            raise Unsuitable("it is a node of a cluster: set REDIS_MODE=cluster")
        self._serial += 1
        return partial(Link, serial=self._serial, generation=run_of(facts))


def _transport(connection: AbstractConnection) -> asyncio.Transport:
    # the one private name of redis-py that we use; its StreamWriter closes the transport when it
    # is collected, so `connection` has to outlive the link
    return cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001


async def ask(connection: AbstractConnection, *command: str) -> dict[str, str]:
    """The facts in an answer of INFO's form."""
    await connection.send_command(*command)
    return facts_in(await connection.read_response())


def facts_in(answer: object) -> dict[str, str]:
    """An answer of INFO's form by name."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return dict(
        line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#")
    )


def in_cluster_mode(facts: Mapping[str, str]) -> bool:
    """Whether INFO server tells of a node of a cluster."""
    return "cluster" in {facts.get("redis_mode"), facts.get("server_mode")}  # Redis, Valkey


def run_of(facts: Mapping[str, str]) -> str:
    """The server's run id in INFO server, shortened.

    It must be the same for every connection to one run of a server and differ for any other run.
    ``master_replid`` looks similar and is not fit: it may change while connections stay open.
    """
    generation = facts.get("run_id", "")[:GENERATION_LENGTH]
    if len(generation) != GENERATION_LENGTH or not generation.isalnum():
        raise Unsuitable("it does not tell its run_id (INFO server)")
    return generation
