"""The id of the request that is being served, on every line that is logged meanwhile."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from auth_core.kernel import current_traceparent, trace_id_of

REQUEST_ID: ContextVar[str] = ContextVar("fm_auth_request_id", default="")
SPAN_ID: ContextVar[str] = ContextVar("fm_auth_span_id", default="")
"""Of the span of the request, where requests are traced."""


def add_request_id(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor. structlog's own context costs each request more than its log line."""
    if request_id := REQUEST_ID.get():
        event.setdefault("request_id", request_id)
    if traceparent := current_traceparent():
        event.setdefault("trace_id", trace_id_of(traceparent))
        if span_id := SPAN_ID.get():
            event.setdefault("span_id", span_id)
    return event
