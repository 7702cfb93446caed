"""What one part logs, whatever else runs in this process meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog


@contextmanager
def capture_logs_of(prefix: str) -> Iterator[list[dict[str, Any]]]:
    """`structlog.testing.capture_logs` of the events whose names begin with ``prefix``."""
    heard: list[dict[str, Any]] = []

    def hear(_logger: object, level: str, event: Any) -> NoReturn:
        if event["event"].startswith(prefix):
            heard.append({**event, "log_level": level})
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [hear]  # in place: loggers that exist already have this list
    try:
        yield heard
    finally:
        processors[:] = before
