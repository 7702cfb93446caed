"""A plain TCP balancer: connections in turn to the nodes that say they are ready.

It knows no HTTP but the question of its health check, retries nothing but the connection to a node
that takes none, and never ends a connection that works.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

CHECK_SECONDS = 0.2
CHECK_PATIENCE = 10.0
_CHECK = b"GET /health/ready HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"


class Balancer:
    """Takes connections on a port of its own. A node is asked for its health all the time."""

    def __init__(self, nodes: Sequence[int]) -> None:
        """``nodes`` are ports of loopback."""
        self.port = 0
        self.ready: set[int] = set()
        self.connections: Counter[int] = Counter()
        self.unserved = 0
        """Connections for which no node was there."""
        self._nodes = nodes
        self._turn = 0
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, listening: threading.Event) -> None:
        """Until told to end."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        checks = [asyncio.create_task(self._watch(node)) for node in self._nodes]
        listening.set()
        await self._ending.wait()
        server.close()
        del checks  # whoever runs this cancels them, and the connections that are open

    def end(self) -> None:
        """From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _watch(self, node: int) -> None:
        while True:
            if await _is_ready(node):
                self.ready.add(node)
            else:
                self.ready.discard(node)
            await asyncio.sleep(CHECK_SECONDS)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in self._in_turn():
            try:
                to_node = await asyncio.open_connection("127.0.0.1", node)
            except OSError:
                self.ready.discard(node)
                continue
            self.connections[node] += 1
            try:
                await asyncio.gather(_pass(reader, to_node[1]), _pass(to_node[0], writer))
            finally:
                to_node[1].close()
                writer.close()
            return
        self.unserved += 1
        writer.close()

    def _in_turn(self) -> list[int]:
        self._turn += 1
        ready = [node for node in self._nodes if node in self.ready]
        first = self._turn % len(ready) if ready else 0
        return ready[first:] + ready[:first]


async def _is_ready(node: int) -> bool:
    try:
        async with asyncio.timeout(CHECK_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", node)
            try:
                writer.write(_CHECK)
                status = await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
    return status.startswith(b"HTTP/1.1 200 ")


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """All bytes, and then the end."""
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


@contextmanager
def balancing(nodes: Sequence[int]) -> Iterator[Balancer]:
    """A balancer that runs until the block ends; it may not know of any node yet."""
    balancer, listening = Balancer(nodes), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(balancer.serve(listening)), daemon=True)
    thread.start()
    listening.wait()
    try:
        yield balancer
    finally:
        balancer.end()
        thread.join()
