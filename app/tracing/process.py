"""Traces of one process: where they go, and what of the service they show."""

import os
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from adapters.postgres import place_of
from adapters.tracing import (
    Collector,
    Spans,
    TraceExport,
    created_in,
    trace_database,
    trace_mailer,
    trace_publisher,
    trace_redis,
    trace_webhooks,
    watch,
)
from app.in_process import ConnectedCore
from app.settings import Settings, TracingSettings
from app.settings.tracing import pairs, ratio
from app.tracing.requests import RequestSpans
from app.tracing.services import trace_services
from auth_core.kernel import Secret
from opentelemetry.trace import SpanKind

SERVICE: Final = "fm-auth-service"
_SESSIONS: Final = {
    "read": "MGET",
    "lease": "SET",
    "fill": "EVAL",
    "end": "EVAL",
    "forget_user": "EVAL",
    "forget_session": "EVAL",
}


class Traces:
    """What this process sends to the collector. Make it once the process is forked."""

    def __init__(self, settings: Settings) -> None:
        self._export = TraceExport(collector(settings))
        self._settings = settings
        self._spans = Spans(self._export.tracer)
        self.requests = RequestSpans(self._export.tracer)

    def of_core(self, core: ConnectedCore) -> None:
        """Have what ``core`` does be seen."""
        spans, settings = self._spans, self._settings
        trace_database(core.database, spans, place_of(settings.database.url))
        redis = _redis(settings)
        trace_redis(core.session_cache, spans, _SESSIONS, redis, lambda: core.session_cache.available)
        shared = lambda: core.rate_limiter.shared  # noqa: E731
        trace_redis(core.rate_limiter, spans, {"hit": "EVAL"}, redis, shared)
        trace_redis(core.ports.failure_spread, spans, {"note": "EVAL"}, redis, shared)
        for method in ("hash", "verify"):
            watch(core.ports.password_hasher, method, spans, f"password {method}", SpanKind.INTERNAL, {})
        if core.ports.mailer is not None:
            trace_mailer(core.ports.mailer, spans, _mail(settings))
        trace_webhooks(core.ports.webhook_sender, spans)
        for publisher in core.ports.event_publishers:
            trace_publisher(publisher, spans)
        trace_services(core, spans)
        core.noted = created_in(spans)

    async def close(self) -> None:
        """Send the last spans."""
        await self._export.close()
