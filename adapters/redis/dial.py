"""Opening a connection: redis-py connects, speaks TLS and authenticates; a Link takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
        connection = self._class(
            **self._options,
            protocol=2,
            # no time-outs of redis-py's: it has wait_for keep them, which before Python 3.12 may
            # swallow a cancellation
            socket_timeout=None,
            socket_connect_timeout=None,
            driver_info=None,
        )
        link: Link | None = None
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.send_command("INFO", "server")
                generation = _generation(await connection.read_response())
            self._serial += 1
            transport = _transport(connection)
            link = Link(transport, serial=self._serial, generation=generation)
            transport.set_protocol(link)
            yield link
        finally:
            if link is not None:
                link.fail("it is not used any more")
            await connection.disconnect(nowait=True)


def _transport(connection: AbstractConnection) -> asyncio.Transport:
    # the one private name of redis-py that we use; its StreamWriter closes the transport when it
    # is collected, so `connection` has to outlive the link
    return cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001


def _generation(info: object) -> str:
    """The server's run id, shortened.

    It must be the same for every connection to one run of a server and differ for any other run.
    ``master_replid`` looks similar and is not fit: it may change while connections stay open.
    """
    facts = dict(
        line.split(":", 1) for line in _text(info).splitlines() if ":" in line and line[0] != "#"
    )
    if "cluster" in (facts.get("redis_mode"), facts.get("server_mode")):  # Redis, Valkey
        raise Unsuitable("it is a cluster, which is not supported")
    generation = facts.get("run_id", "")[:GENERATION_LENGTH]
    if len(generation) != GENERATION_LENGTH or not generation.isalnum():
        raise Unsuitable("it does not tell its run_id (INFO server)")
    return generation


def _text(info: object) -> str:
    return info.decode("utf-8", "replace") if isinstance(info, bytes) else str(info)
