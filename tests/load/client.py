"""The load generator: a closed loop of HTTP/1.1 requests over keep-alive connections.

Runs in a process of its own. It parses just enough of an answer to know where it ends.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ANSWER_LIMIT = 60.0


class BenchError(Exception):
    """The measurement cannot go on; the message says why."""


@dataclass(frozen=True)
class Job:
    """Requests to send, each as the bytes that go out, over so many connections at once."""

    port: int
    requests: Sequence[bytes]
    status: int
    connections: int
    keep_bodies: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job went. ``bodies`` are in the order of the requests."""

    seconds: float
    latencies: list[float]
    bodies: list[bytes]


def request(
    method: str,
    path: str,
    *,
    token: str | None = None,
    authorization: str | None = None,
    body: bytes | None = None,
    media_type: str = "application/json",
) -> bytes:
    """A request as it travels; ``token`` is short for the ``authorization`` of a bearer."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: application/json",
        "User-Agent: bench",
    ]
    if token is not None:
        authorization = f"Bearer {token}"
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    if body is not None:
        lines.append(f"Content-Type: {media_type}")
    if method == "POST":
        lines.append(f"Content-Length: {len(body or b'')}")
    return "\r\n".join(lines).encode() + _END + (body or b"")


def run(job: Job) -> Outcome:
    """Send all requests of a job. Raises BenchError for any answer but the expected one."""
    return uvloop.run(_Run(job).complete())


class _Run:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.bodies: list[bytes] = [b""] * (len(job.requests) if job.keep_bodies else 0)
        self.latencies: list[float] = []
        self._next = 0
        self._open = 0

    async def complete(self) -> Outcome:
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        connections = []
        for _ in range(min(self.job.connections, len(self.job.requests))):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self.job.port
            )
            connections.append(connection)
        self._open = len(connections)
        began = time.perf_counter()
        for connection in connections:
            connection.advance()
        async with asyncio.timeout(_ANSWER_LIMIT):
            await self.done
        return Outcome(time.perf_counter() - began, self.latencies, self.bodies)

    def take(self) -> int | None:
        """The number of the next request, if there is one."""
        if self._next == len(self.job.requests):
            self._open -= 1
            if not self._open and not self.done.done():
                self.done.set_result(None)
            return None
        self._next += 1
        return self._next - 1

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(BenchError(why))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._index: int | None = None
        self._began = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is none of asyncio's classes
        self._transport = cast("asyncio.Transport", transport)

    def advance(self) -> None:
        """Send the next request, or be done."""
        self._index = self._run.take()
        if self._index is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._run.job.requests[self._index])

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(_END)
        if end < 0:
            return
        head = self._answer[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        begin = end + len(_END)
        if len(self._answer) >= begin + length:
            self._take(int(head[9:12]), self._answer[begin : begin + length])

    def connection_lost(self, exc: Exception | None) -> None:
        if self._index is not None:
            self._run.fail(f"the service closed a connection: {exc or 'without a reason'}")

    def _take(self, status: int, body: bytes) -> None:
        run, index = self._run, self._index
        if index is None or status != run.job.status:
            line = run.job.requests[index or 0].split(b"\r\n", 1)[0].decode()
            run.fail(f"{line}: {status}, not {run.job.status}: {body[:300]!r}")
            return
        run.latencies.append(time.perf_counter() - self._began)
        if run.bodies:
            run.bodies[index] = body
        self._answer = b""
        self.advance()
