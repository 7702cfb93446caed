"""Clients that ask with hardly a pause, on connections that they keep and on fresh ones.

They count what they get: every answer by its status, every failure by its kind. Nothing is sent
again. Like any client that keeps connections, they leave one when an answer says so or when it
has been closed before they ask.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.e2e.running import ANSWER_SECONDS, eventually

_BREATH_SECONDS = 0.003
"""Between two requests of a client: whoever is started meanwhile needs the processor, too."""


@dataclass(frozen=True)
class Errand:
    """What to ask for again and again, and what must be answered."""

    method: str
    path: str
    status: int = 200
    token: str = ""
    body: bytes = b""

    def request(self, *, kept: bool) -> bytes:
        """The bytes to send."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: service"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        if not kept:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass
class Press:
    """What has come of it so far."""

    port: int
    errands: Sequence[Errand]
    answers: int = 0
    told_to_leave: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    ending: threading.Event = field(default_factory=threading.Event)

    def goes_on(self, further: int = 200) -> None:
        """Wait for so many further requests, whatever becomes of them."""
        reached = self._asked + further
        eventually(lambda: self._asked >= reached, seconds=120)

    @property
    def _asked(self) -> int:
        return self.answers + self.failures.total()

    async def press(self, kept: int, fresh: int) -> None:
        """Ask until told to end."""
        async with asyncio.TaskGroup() as group:
            for number in range(kept + fresh):
                errand = self.errands[number % len(self.errands)]
                group.create_task(self._client(errand, kept=number < kept))

    async def _client(self, errand: Errand, *, kept: bool) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.ending.is_set():
            stage = "connecting"
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", self.port)
                    stage = "sending"
                    connection[1].write(errand.request(kept=kept))
                    await connection[1].drain()
                    stage = "reading"
                    status, stays = await _answer(connection[0])
            except (OSError, EOFError, ValueError) as error:
                self.failures[f"{stage}: {type(error).__name__}"] += 1
                connection = _left(connection)
                await asyncio.sleep(0.01)
                continue
            if status == errand.status:
                self.answers += 1
            else:
                self.failures[f"{errand.path}: {status}"] += 1
            self.told_to_leave += kept and not stays
            await asyncio.sleep(_BREATH_SECONDS)
            if not kept or not stays or connection[0].at_eof():
                connection = _left(connection)
        _left(connection)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status, and whether the connection stays; the content must come in full."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status, headers = head.partition("\r\n")[0].split(" ")[1], head.split("\r\n")[1:]
    fields = dict(line.split(": ", 1) for line in headers if line)
    await reader.readexactly(int(fields["content-length"]))
    return int(status), fields.get("connection") != "close"


def _left(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection[1].close()


@contextmanager
def pressing(
    port: int, errands: Sequence[Errand], *, kept: int = 6, fresh: int = 3
) -> Iterator[Press]:
    """Press a port of loopback until the block ends."""
    press = Press(port, errands)
    thread = threading.Thread(target=lambda: asyncio.run(press.press(kept, fresh)))
    thread.start()
    try:
        yield press
    finally:
        press.ending.set()
        thread.join()
