"""The settings of what watches the service."""

from app.settings import parse
from app.settings.field import Field
from app.settings.tracing import TRACING

TELEMETRY = (
    Field(
        name="ENABLE_METRICS",
        attribute="metrics.enabled",
        kind=parse.boolean(),
        default="false",
        description="Count, and serve the numbers of all workers at `/metrics` for Prometheus: to"
        " callers of AUTH_CLIENTS with the permission `metrics`, unless AUTH_METRICS_PORT is set",
    ),
    Field(
        name="AUTH_METRICS_PORT",
        attribute="metrics.port",
        kind=parse.port(),
        default_note="not set: `/metrics` is on PORT",
        example="9464",
        description="Serve `/metrics` on this port instead, to whoever can reach it. `fm-auth"
        " worker` serves its own numbers there",
    ),
    Field(
        name="AUTH_METRICS_HOST",
        attribute="metrics.host",
        kind=parse.host(),
        default="127.0.0.1",
        description="Address of AUTH_METRICS_PORT: one that the internet cannot reach",
    ),
    *TRACING,
)
