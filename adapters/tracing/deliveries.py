"""What leaves later than the request that it comes from: letters, deliveries, batches of events.

Each is in the trace of that request, if it names one, and is kept or not as that was.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from opentelemetry.trace import SpanContext, SpanKind

from adapters.tracing.spans import (
    ERROR_TYPE,
    Attributes,
    Spans,
    remote_context,
    traceparent_of,
)
from adapters.tracing.watching import Method, replace
from auth_core.events import CloudEvent
from auth_core.kernel import current_traceparent
from auth_core.mail import Message

_MOST_LINKS: Final = 128
_FAILURE: Final = 400
_PORTS: Final = {"http": 80, "https": 443}


class _Told(msgspec.Struct):
    """What a delivery says of itself."""

    id: str = ""
    type: str = ""
    traceparent: str | None = None


_told = msgspec.json.Decoder(_Told).decode


class Origins:
    """The contexts that a batch of events came from."""

    def __init__(self, events: Sequence[CloudEvent]) -> None:
        named = dict.fromkeys(event.traceparent for event in events)
        self.all = [found for found in map(remote_context, named) if found is not None]
        kept = [each for each in self.all if each.trace_flags.sampled]
        self.parent: SpanContext | None = next(iter((*kept, *self.all)), None)
        """The first that is kept: in its trace the whole batch is seen, and the others link."""
        self.links = self.all[:_MOST_LINKS]


def trace_mailer(mailer: object, spans: Spans, place: Attributes) -> None:
    """Have each letter on its way to the mail server be a span."""

    def around(send: Method) -> Method:
        async def sent(message: Message) -> None:
            origin = remote_context(current_traceparent())
            with spans.of_remote("SMTP", SpanKind.CLIENT, {"rpc.system": "smtp", **place}, origin):
                await send(message)

        return sent

    replace(mailer, "send", around)


def trace_webhooks(sender: object, spans: Spans) -> None:
    """Have each delivery be a span, and tell the receiver of it (``traceparent``)."""

    def around(send: Method) -> Method:
        async def sent(url: str, headers: Mapping[str, str], body: bytes) -> int:
            told = _read(body)
            origin = remote_context(told.traceparent)
            with spans.of_remote("POST", SpanKind.CLIENT, _about(url, told), origin) as span:
                named = {**headers, "traceparent": traceparent_of(span.get_span_context())}
                status: int = await send(url, named, body)
                span.set_attribute("http.response.status_code", status)
                if status >= _FAILURE:
                    span.set_attribute(ERROR_TYPE, str(status))
            return status

        return sent

    replace(sender, "send", around)


def trace_publisher(publisher: Any, spans: Spans) -> None:
    """Have each batch that a publisher is given be a span, linked to the events in it."""
    name: str = publisher.name

    def around(publish: Method) -> Method:
        async def published(events: Sequence[CloudEvent]) -> None:
            origins = Origins(events)
            if origins.parent is None:
                await publish(events)
                return
            attributes: Attributes = {
                "messaging.system": name,
                "messaging.destination.name": "auth:events",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": len(events),
            }
            with spans.of_remote(
                "publish auth:events", SpanKind.CLIENT, attributes, origins.parent, origins.links
            ):
                await publish(events)

        return published

    replace(publisher, "publish", around)


def _read(body: bytes) -> _Told:
    try:
        return _told(body)
    except msgspec.MsgspecError:  # never: it is a CloudEvent of ours
        return _Told()


def _about(url: str, told: _Told) -> Attributes:
    """Neither path nor query: they may be secrets of the receiver."""
    parts = urlsplit(url)
    return {
        "http.request.method": "POST",
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS.get(parts.scheme, 0),
        "messaging.message.id": told.id,
        "cloudevents.event_type": told.type,
    }
