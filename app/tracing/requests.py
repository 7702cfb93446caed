"""A span for each request: named by the route template, and by nothing that a caller has sent."""

from contextvars import Token
from typing import Final

from litestar.types import Scope
from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Tracer,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.status import StatusCode

from adapters.tracing import remote_context, traceparent_of
from app.errors import WIRE_CODE
from app.observability import SPAN_ID

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "_OTHER"
_PROBES: Final = frozenset({"/health", "/health/ready", "/metrics"})
"""Asked every few seconds by whoever watches us: nobody looks for these."""
_STATE_MAX: Final = 512
"""Characters of a ``tracestate`` that must be kept (W3C Trace Context §3.3.1.5)."""
_CLIENT_FAULT, _OUR_FAULT = 400, 500
_NOWHERE: Final = Context()
_NO_STATE: Final = TraceState()


class RequestSpans:
    """Begins them, each below the span of the caller if the request names one."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, scope: Scope, traceparent: str | None) -> "RequestSpan | None":
        """The span of a request, current from now on; None for one that nobody looks for."""
        if scope["path"] in _PROBES:
            return None
        parent = _NOWHERE
        caller = remote_context(traceparent)
        if caller is not None:
            parent = set_span_in_context(NonRecordingSpan(_with_state(caller, scope)))
        method = scope["method"] if scope["method"] in METHODS else _OTHER  # type: ignore[typeddict-item]
        span = self._tracer.start_span(
            "HTTP" if method == _OTHER else method,
            context=parent,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "network.protocol.name": "http",
                "network.protocol.version": scope["http_version"],
            },
        )
        return RequestSpan(span)


class RequestSpan:
    """The span of one request."""

    __slots__ = ("_context", "_span", "_token", "span_id", "traceparent")

    def __init__(self, span: Span) -> None:
        """Make it current."""
        context = span.get_span_context()
        self._span = span
        self.traceparent = traceparent_of(context)
        self.span_id = self.traceparent[36:52]
        self._context = contexts.attach(set_span_in_context(span))
        self._token: Token[str] = SPAN_ID.set(self.span_id)

    def end(self, scope: Scope, method: str, status: int) -> None:
        """Say what became of the request, which had this ``method``."""
        SPAN_ID.reset(self._token)
        contexts.detach(self._context)
        span = self._span
        if span.is_recording():
            route = scope.get("path_template")
            if route and method in METHODS:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if status >= _CLIENT_FAULT:
                span.set_attribute("error.type", str(scope.get(WIRE_CODE) or status))
            if status >= _OUR_FAULT:  # what a caller does wrong is no fault of ours
                span.set_status(StatusCode.ERROR)
        span.end()


def _with_state(caller: SpanContext, scope: Scope) -> SpanContext:
    """The caller's context with its ``tracestate``, if that is in order."""
    sent = [value for name, value in scope["headers"] if name == b"tracestate"]
    if not sent or sum(map(len, sent)) > _STATE_MAX:
        return caller
    state = TraceState.from_header([value.decode("latin-1") for value in sent]) or _NO_STATE
    return SpanContext(
        caller.trace_id,
        caller.span_id,
        is_remote=True,
        trace_flags=caller.trace_flags,
        trace_state=state,
    )
