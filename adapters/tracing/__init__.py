"""Traces with OpenTelemetry: what begins spans, and what sends them. Loaded only where it is on."""

from adapters.tracing.databases import created_in, trace_database, trace_redis
from adapters.tracing.deliveries import Origins, trace_mailer, trace_publisher, trace_webhooks
from adapters.tracing.export import Collector, TraceExport
from adapters.tracing.spans import Spans, remote_context, traceparent_of
from adapters.tracing.watching import public_coroutines, watch

__all__ = [
    "Collector",
    "Origins",
    "Spans",
    "TraceExport",
    "created_in",
    "public_coroutines",
    "remote_context",
    "trace_database",
    "trace_mailer",
    "trace_publisher",
    "trace_redis",
    "trace_webhooks",
    "traceparent_of",
    "watch",
]
