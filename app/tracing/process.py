"""Traces of one process: where they go, and what of the service they show."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from opentelemetry.trace import SpanKind

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
from app.settings import Settings
from app.settings.tracing import pairs, ratio
from app.tracing.requests import RequestSpans
from app.tracing.services import trace_services
from auth_core.kernel import Secret

SERVICE: Final = "fm-auth-service"
_PATH: Final = "/v1/traces"
_CACHE_COMMANDS: Final = {
    "read": "MGET",
    "lease": "SET",
    **dict.fromkeys(("fill", "end", "forget_user", "forget_session"), "EVAL"),
}


class Traces:
    """What this process tells the collector. Make it only once the process is forked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._export = TraceExport(collector_of(settings))
        self._spans = Spans(self._export.tracer)
        self.requests = RequestSpans(self._export.tracer)

    def follow(self, core: ConnectedCore) -> None:
        """Have what ``core`` does be seen."""
        spans, ports = self._spans, core.ports
        trace_database(core.database, spans)
        core.noted = created_in(spans)
        self._follow_redis(core)
        for method in ("hash", "verify"):
            name = f"password {method}"
            watch(ports.password_hasher, method, spans, name, SpanKind.INTERNAL, {})
        if ports.mailer is not None:
            trace_mailer(ports.mailer, spans, _mail_server(self._settings))
        trace_webhooks(ports.webhook_sender, spans)
        for publisher in ports.event_publishers:
            trace_publisher(publisher, spans)
        trace_services(core, spans)

    async def close(self) -> None:
        """Send the last spans, in bounded time."""
        await self._export.close()

    def _follow_redis(self, core: ConnectedCore) -> None:
        cache, limiter, place = core.session_cache, core.rate_limiter, _redis(self._settings)
        trace_redis(cache, self._spans, _CACHE_COMMANDS, place, lambda: cache.available)
        for target, method in ((limiter, "hit"), (core.ports.failure_spread, "note")):
            trace_redis(target, self._spans, {method: "EVAL"}, place, lambda: limiter.shared)


def collector_of(settings: Settings) -> Collector:
    """Where spans go, and what they say of this process."""
    tracing = settings.tracing
    headers = "" if tracing.headers is None else tracing.headers.reveal()
    named = {} if tracing.service_name is None else {"service.name": tracing.service_name}
    return Collector(
        endpoint=tracing.traces_endpoint or tracing.endpoint.rstrip("/") + _PATH,
        headers={name: Secret(value) for name, value in pairs(headers).items()},
        sampler=tracing.sampler,
        ratio=ratio(tracing.ratio),
        resource={
            "service.name": SERVICE,
            "service.version": version(SERVICE),
            "deployment.environment.name": settings.service.environment,
            "process.pid": os.getpid(),
            **pairs(tracing.resource or ""),
            **named,
        },
    )


def _redis(settings: Settings) -> Mapping[str, str | int]:
    host, port = settings.redis.host, settings.redis.port
    if host is None or port is None:
        return {}
    return {"server.address": host, "server.port": port}


def _mail_server(settings: Settings) -> Mapping[str, str | int]:
    host, port = settings.mail.host, settings.mail.port
    where = {} if host is None else {"server.address": host}
    return where if port is None else {**where, "server.port": port}
