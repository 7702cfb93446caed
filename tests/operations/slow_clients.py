"""Clients that take their time, or more than their share: each returns how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 150.0
"""Far longer than any limit of the service's."""
DRIP_SECONDS = 0.5
CLOSED = "closed"
"""The connection ended and nothing was said."""
HELLO = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
LOGIN = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 20000\r\n\r\n{"
)
UPLOAD = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n"
CHUNKED = LOGIN.replace(b"Content-Length: 20000", b"Transfer-Encoding: chunked").rstrip(b"{")
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

Client = Callable[[int], Awaitable[str]]
"""Takes the port; returns the status of its answer or `CLOSED`, once the connection has ended."""


def sends(head: bytes, drip: bytes = b"") -> Client:
    """One that sends ``head`` at once, and then ``drip`` again and again, or nothing."""

    async def client(port: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        dripping = asyncio.create_task(_drip(writer, drip)) if drip else None
        try:
            writer.write(head)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return _told(await _read(reader))
        finally:
            if dripping is not None:
                dripping.cancel()
            writer.close()

    return client


async def half_closes(port: int) -> str:
    """One that says that it will send no more, and waits for its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(HELLO + b"\r\n")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return _told(await _read(reader))
    finally:
        writer.close()


async def pipelines(port: int) -> int:
    """How many of 200 requests are answered that come at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write((HELLO + b"\r\n") * 199 + HELLO + b"Connection: close\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await _read(reader)).count(b"HTTP/1.1 200 ")
    finally:
        writer.close()


async def reads_nothing(port: int) -> str:
    """One that asks for much and never reads, until its connection is gone at the other end."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    mine = writer.get_extra_info("sockname")[1]
    try:
        writer.write(LARGE * 500)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while _is_held(port, mine):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(1)
    finally:
        writer.transport.abort()
    return CLOSED


def _is_held(here: int, there: int) -> bool:
    """Whether the system has an open connection of this port with that one."""
    ends = (f":{here:04X}", f":{there:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if (local[-5:], remote[-5:], state) == (*ends, "01"):
            return True
    return False


async def _drip(writer: asyncio.StreamWriter, drip: bytes) -> None:
    with suppress(OSError):
        while not writer.is_closing():
            await asyncio.sleep(DRIP_SECONDS)
            writer.write(drip)
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> bytes:
    said = b""
    with suppress(OSError):
        while part := await reader.read(65536):
            said += part
    return said


def _told(said: bytes) -> str:
    return said[9:12].decode() if said.startswith(b"HTTP/1.1 ") else CLOSED
