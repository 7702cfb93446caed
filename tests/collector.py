"""An OpenTelemetry collector on loopback, as far as it takes traces: OTLP over HTTP."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

PATIENCE_SECONDS = 60.0
KINDS = {value: name.removeprefix("SPAN_KIND_") for name, value in SpanMessage.SpanKind.items()}


@dataclass(frozen=True)
class Span:
    """One span, as a collector shows it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    attributes: Mapping[str, object]
    resource: Mapping[str, object]
    links: tuple[str, ...]
    failed: bool
    flags: int
    said: str
    """What its status and its events say."""

    @property
    def context(self) -> str:
        """The ``traceparent`` of what it has caused."""
        return f"00-{self.trace_id}-{self.span_id}-01"


@dataclass
class Collector:
    """Keeps what it is sent."""

    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    server: ThreadingHTTPServer | None = None
    hold: threading.Event = field(default_factory=threading.Event)
    """Until it is set nobody gets an answer."""

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """What a service has to be told to send its traces here."""
        return {"ENABLE_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def of(self, trace_id: str) -> list[Span]:
        """The spans of a trace that are here."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def wait(self, found: Callable[["Collector"], Any]) -> Any:
        """What ``found`` finds in the end, something true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if result := found(self):
                return result
            time.sleep(0.02)
        raise AssertionError(f"not among {sorted({span.name for span in self.spans})}")

    def take(self, body: bytes) -> None:
        """Decode what has come."""
        self.bodies.append(body)
        message = ExportTraceServiceRequest.FromString(body)
        for of_resource in message.resource_spans:
            resource = _attributes(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                self.spans += [_span(span, resource) for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector for the time of the block."""
    collector = Collector()
    collector.hold.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.hold.wait(PATIENCE_SECONDS)
            collector.paths.append(self.path)
            collector.headers.append({key.lower(): value for key, value in self.headers.items()})
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            if collector.status < 300:
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        collector.server = server
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.hold.set()
            server.shutdown()
            thread.join()


def _span(span: SpanMessage, resource: Mapping[str, object]) -> Span:
    return Span(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        state=span.trace_state,
        attributes=_attributes(span.attributes),
        resource=resource,
        links=tuple(f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links),
        failed=span.status.code == 2,
        flags=span.flags,
        said=span.status.message + "".join(map(str, span.events)),
    )


def _attributes(pairs: Any) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
