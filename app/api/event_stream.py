"""Server-sent events to clients that may stop reading."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse, Stream
from litestar.types import HTTPResponseBodyEvent, Receive, Send

PATIENCE_SECONDS = 5.0
"""For one chunk to leave for a client. Who takes longer is cut off, and may resume."""
CHUNK_BYTES = 16 * 1024

_log = structlog.get_logger(__name__)


class ClientTooSlow(Exception):
    """A client that does not read what it asked for."""


class _PatientResponse(ASGIStreamingResponse):
    """Sends in small chunks, each within the time that a client has for it."""

    __slots__ = ()  # so that it can take the place of its base

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Leave the answer unfinished when the client does not read: the server then cuts it."""
        try:
            await super().send_body(send, receive)
        except* ClientTooSlow:
            pass

    async def _stream(self, send: Send) -> None:
        try:
            async for news in self.iterator:
                data = news.encode() if isinstance(news, str) else news
                for start in range(0, len(data), CHUNK_BYTES):
                    await _send(send, data[start : start + CHUNK_BYTES], more=True)
            await _send(send, b"", more=False)
        finally:
            close = getattr(self.iterator, "aclose", None)
            if close is not None:
                await close()


class EventStream(Stream):
    """An endless answer of type ``text/event-stream``."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, media_type="text/event-stream")

    def to_asgi_response(
        self, app: Any, request: Request[Any, Any, Any], **options: Any
    ) -> ASGIResponse:
        """Litestar's own answer, with patience that ends."""
        made = super().to_asgi_response(app, request, **options)
        if isinstance(made, ASGIStreamingResponse):
            made.__class__ = _PatientResponse
        return made


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    event: HTTPResponseBodyEvent = {"type": "http.response.body", "body": body, "more_body": more}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await send(event)
    except TimeoutError as error:
        _log.warning("feed_client_cut", reason=f"it has not read for {PATIENCE_SECONDS:.0f} s")
        raise ClientTooSlow from error
