"""A real nats-server that a test may kill, freeze and start again, behind an address that stays."""

import asyncio
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import nats
from nats.js import JetStreamContext

from auth_core.events import CloudEvent
from tests.programs import program


class NatsServer:
    """One server with JetStream; its streams are in ``folder``, through kills and starts.

    It chooses another port each time, so that no test takes a port in advance: what ``url`` names
    passes every connection on to where the server is now.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = program("nats-server", "nats-server")
        self._process: subprocess.Popen[bytes] | None = None
        self._door = Door()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._door.port}"

    @property
    def direct_url(self) -> str:
        """Where it is until it is killed."""
        return f"nats://127.0.0.1:{self._door.to}"

    async def start(self, *options: str, jet_stream: bool = True) -> None:
        assert self._process is None
        ports = Path(tempfile.mkdtemp(dir=self._folder))
        storage = ("-js", "-sd", str(self._folder / "streams")) if jet_stream else ()
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it starts, and no more
            [
                *(self._program, "-a", "127.0.0.1", "-p", "-1"),
                *("--ports_file_dir", str(ports), "-l", str(self._folder / "log")),
                *(*storage, *options),
            ]
        )
        async with asyncio.timeout(60):
            while not self._is_ready(ports):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self._door.close()

    @asynccontextmanager
    async def jet_stream(self) -> AsyncIterator[JetStreamContext]:
        """A look from outside."""
        client = await nats.connect(self.url, allow_reconnect=False)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def stored(self, stream: str) -> list[CloudEvent]:
        """All that the stream has, in its order."""
        async with self.jet_stream() as jet_stream:
            state = (await jet_stream.stream_info(stream)).state
            messages = [
                await jet_stream.get_msg(stream, at)
                for at in range(state.first_seq, state.last_seq + 1)
            ]
        events = [msgspec.json.decode(each.data or b"", type=CloudEvent) for each in messages]
        assert [each.subject for each in messages] == [f"auth.events.{e.type}" for e in events]
        return events

    def _is_ready(self, ports: Path) -> bool:
        with suppress(OSError, ValueError, StopIteration):
            listed = json.loads(next(ports.glob("*.ports")).read_text())
            self._door.to = int(listed["nats"][0].rpartition(":")[2])
            return True
        return False


class Door:
    """Passes connections on to a port that may change."""

    def __init__(self) -> None:
        self.to = 0
        door = self

        class Passing(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", door.to)) as inner:
                    back = threading.Thread(target=_pump, args=(inner, self.request))
                    back.start()
                    _pump(self.request, inner)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Passing)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Returns when every connection is gone: those who hold them have closed theirs."""
        self._server.shutdown()
        self._server.server_close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Until one of them ends, which ends the other way as well."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@asynccontextmanager
async def running_nats() -> AsyncIterator[NatsServer]:
    """A server in a folder of its own, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fm-nats-"))
    server = NatsServer(folder)
    try:
        await server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
