"""The outermost layer: request ids, security headers and one access line for every answer.

Everything that Litestar answers passes here, its own 404s and preflights included.
"""

import re
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.fixed_routes import BEGUN
from app.limits import LEFT
from app.observability import REQUEST_ID, AccessLine
from auth_core.kernel import parse_traceparent, trace_id_of, tracing
from auth_core.tokens import Principal

if TYPE_CHECKING:
    from app.tracing.requests import RequestSpan, RequestSpans

RawHeaders = Iterable[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_DEFAULTS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"vary", b"Origin"),
)


class Edge:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        cross_origin: ASGIApp,
        *,
        new_id: Callable[[], str],
        access_line: AccessLine,
        strict_transport: bool,
        spans: "RequestSpans | None" = None,
    ) -> None:
        """``cross_origin`` is ``app`` behind CORS; it serves the requests that have an Origin.

        ``spans`` trace requests. Without them a caller's trace goes on in our events and logs all
        the same.
        """
        self._app = app
        self._cross_origin = cross_origin
        self._new_id = new_id
        self._access_line = access_line
        self._spans = spans
        self._headers = (*_HEADERS, _HSTS) if strict_transport else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and leave exactly one access line."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id, correlation_id, traceparent, app = self._read(scope["headers"])
        scope["request_id"] = request_id  # type: ignore[typeddict-unknown-key]
        in_context = REQUEST_ID.set(request_id)
        span = None
        if self._spans is not None and (span := self._spans.begin(scope, traceparent)) is not None:
            traceparent = span.traceparent
        if traceparent is not None:
            app = _within(traceparent, app)
        method, status = scope["method"], 500
        if method == HttpMethod.HEAD:  # answered like GET, without the content (RFC 9110 §9.3.2)
            scope["method"] = HttpMethod.GET
            scope["head"] = True  # type: ignore[typeddict-unknown-key]  # a stream has no end

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                scope[BEGUN] = True  # type: ignore[typeddict-unknown-key]
                headers = [*message["headers"], *_left(scope, message["headers"])]
                message["headers"] = self._completed(headers, request_id, correlation_id)
            elif method == HttpMethod.HEAD and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await app(scope, receive, send_with_headers)
        finally:
            if span is not None:
                span.end(scope, method, status)
            duration_ms = (perf_counter() - started) * 1000
            self._tell(scope, method, status, duration_ms, request_id, traceparent, span)
            REQUEST_ID.reset(in_context)

    def _tell(
        self,
        scope: Scope,
        method: str,
        status: int,
        duration_ms: float,
        request_id: str,
        traceparent: str | None,
        span: "RequestSpan | None",
    ) -> None:
        principal = scope.get("auth")
        self._access_line(
            method,
            scope.get("path_template") or "-",
            status=status,
            duration_ms=duration_ms,
            request_id=request_id,
            principal_id=principal.user.id if isinstance(principal, Principal) else None,
            trace_id=None if traceparent is None else trace_id_of(traceparent),
            span_id=None if span is None else span.span_id,
        )

    def _read(self, headers: RawHeaders) -> tuple[str, str, str | None, ASGIApp]:
        """The request id and the correlation id, the caller's trace, and who answers.

        Each id is the caller's own if it is well formed, or else the other one, or else new.
        """
        request_id, correlation_id, trace, app = "", "", "", self._app
        for name, value in headers:
            if name == b"origin":
                app = self._cross_origin
            elif name == b"x-request-id":
                request_id = request_id or _well_formed(value)
            elif name == b"x-correlation-id":
                correlation_id = correlation_id or _well_formed(value)
            elif name == b"traceparent":
                trace += value.decode("latin-1")  # two of them are none
        request_id = request_id or correlation_id or self._new_id()
        traceparent = parse_traceparent(trace) if trace else None
        return request_id, correlation_id or request_id, traceparent, app

    def _completed(
        self, headers: list[tuple[bytes, bytes]], request_id: str, correlation_id: str
    ) -> list[tuple[bytes, bytes]]:
        """An answer's headers with ours; what a handler set itself stays."""
        names = [name for name, _ in headers]
        return [
            *headers,
            *self._headers,
            *[item for item in _DEFAULTS if item[0] not in names],
            (b"x-request-id", request_id.encode()),
            (b"x-correlation-id", correlation_id.encode()),
        ]


def _left(scope: Scope, headers: RawHeaders) -> RawHeaders:
    """How much is left of the limits, unless a refusal has told of its own."""
    told: RawHeaders = scope.get(LEFT, ())  # type: ignore[assignment]
    if told and any(name.lower() == b"ratelimit-limit" for name, _ in headers):
        return ()
    return told


def _within(traceparent: str, app: ASGIApp) -> ASGIApp:
    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        with tracing(traceparent):
            await app(scope, receive, send)

    return traced


def _well_formed(value: bytes) -> str:
    text = value.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else ""
