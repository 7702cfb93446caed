"""Logs: structured, without secrets, one line per write; one access line per request."""

from app.observability.access import AccessLine, no_access_line
from app.observability.logs import GRANIAN_LOG_DICTCONFIG, configure_logging
from app.observability.redaction import MASK, redact, redact_text
from app.observability.request_id import REQUEST_ID, SPAN_ID
from app.observability.sink import FileDescriptorSink

__all__ = [
    "GRANIAN_LOG_DICTCONFIG",
    "MASK",
    "REQUEST_ID",
    "SPAN_ID",
    "AccessLine",
    "FileDescriptorSink",
    "configure_logging",
    "no_access_line",
    "redact",
    "redact_text",
]
