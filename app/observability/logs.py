"""structlog and the standard library's logging, through one redacting pipeline to one stream."""

import logging
import os
import time
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import Processor

from app.observability.access import (
    AccessLine,
    console_access_line,
    json_access_line,
    no_access_line,
)
from app.observability.redaction import escape_controls, redact
from app.observability.request_id import add_request_id
from app.observability.sink import FileDescriptorSink, TurnSink

Write = Callable[[bytes], object]
Now = Callable[[], datetime]
Level = Literal["debug", "info", "warning", "error", "critical"]
Format = Literal["json", "console"]

MAX_LINE = 65536
"""Bytes of a rendered line; a longer one keeps only its event."""
STDOUT = 1
_Event = MutableMapping[str, Any]
# SQLAlchemy logs bound parameters below WARNING, i.e. password hashes.
_QUIET_BELOW_WARNING = ("sqlalchemy", "httpx", "httpcore", "alembic.runtime.plugins")
_GRANIAN = ("_granian", "granian", "granian.access")
GRANIAN_LOG_DICTCONFIG: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {
        "_granian": {"handlers": [], "propagate": True},
        "granian.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
"""For granian's ``log_dictconfig``: it then logs through the root logger, i.e. through ours."""


def configure_logging(
    level: Level = "info",
    format: Format = "json",  # noqa: A002  (the name of the setting)
    *,
    write: Write | None = None,
    now: Now | None = None,
) -> AccessLine:
    """Send all logs of this process through the pipeline and return the access log.

    May be called again; the last call wins. ``write`` gets one whole line of bytes per call and
    defaults to standard output; ``now`` is the clock of the timestamps.
    """
    colors = write is None and os.isatty(STDOUT)
    sink = write or FileDescriptorSink(STDOUT)
    write_access = write or TurnSink(sink)
    now = now or _utc_now
    render = _render_json if format == "json" else _console_renderer(colors=colors)
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_request_id,
        structlog.processors.add_log_level,
        _stamp(now),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
        render,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_line_logger_factory(sink),
        cache_logger_on_first_use=False,  # so that a second call reaches loggers already in use
    )
    _route_stdlib(level, processors, sink)
    if _number(level) > logging.INFO:
        return no_access_line
    if format == "json":
        return json_access_line(write_access, now)
    return console_access_line(structlog.get_logger("access"))


def _number(level: Level) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _utc_now() -> datetime:
    return datetime.fromtimestamp(time.time_ns() / 1e9, UTC)


def _stamp(now: Now) -> Processor:
    def stamp(_logger: object, _method: str, event: _Event) -> _Event:
        event["timestamp"] = now().isoformat(timespec="milliseconds")
        return event

    return stamp


class _LineLogger:
    """The innermost logger: takes a rendered line."""

    def __init__(self, write: Write) -> None:
        self.debug = self.info = self.warning = self.warn = self.error = self.msg = write
        self.critical = self.fatal = self.exception = self.err = write


def _line_logger_factory(write: Write) -> Callable[..., _LineLogger]:
    logger = _LineLogger(write)
    return lambda *_args: logger


def _render_json(_logger: object, _method: str, event: _Event) -> bytes:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    line = msgspec.json.encode(first | dict(event))
    if len(line) > MAX_LINE:
        line = msgspec.json.encode(first | {"cut": f"the line had {len(line)} bytes"})
    return line + b"\n"


def _console_renderer(*, colors: bool) -> Processor:
    renderer = ConsoleRenderer(colors=colors, exception_formatter=plain_traceback, sort_keys=False)

    def render(logger: Any, method: str, event: _Event) -> bytes:
        blocks = [str(event.pop(key)) for key in ("stack", "exception") if event.get(key)]
        clean = {escape_controls(key): _on_one_line(value) for key, value in event.items()}
        line = renderer(logger, method, clean)
        for block in blocks:  # indented, so that no text in it can pass for a line of its own
            inner = "\n    | ".join(escape_controls(part) for part in block.split("\n"))
            line += f"\n    | {inner}"
        encoded = line.encode("utf-8", "backslashreplace")
        return encoded[:MAX_LINE] + b"\n"

    return render


def _on_one_line(value: object) -> object:
    return escape_controls(value if isinstance(value, str) else repr(value))


class _PipelineHandler(logging.Handler):
    """Sends records of the standard library's logging through the same processors."""

    def __init__(self, processors: list[Processor], write: Write) -> None:
        super().__init__()
        self._processors = processors
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self._line(record))
        except structlog.DropEvent:  # a processor wants no line of it
            return
        except Exception as error:  # noqa: BLE001  (a bad record must not stop its caller)
            # not handleError: that prints the record's arguments, secrets included
            self._write(self._unrenderable(record, error))

    def _line(self, record: logging.LogRecord) -> bytes:
        event: Any = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info and record.exc_info[0] is not None:
            event["exc_info"] = record.exc_info
        for processor in self._processors:
            event = processor(None, record.levelname.lower(), event)
        return bytes(event)

    def _unrenderable(self, record: logging.LogRecord, error: Exception) -> bytes:
        event: Any = {
            "event": "a log record could not be rendered",
            "logger": record.name,
            "error": type(error).__name__,
        }
        for processor in self._processors:
            event = processor(None, "error", event)
        return bytes(event)


def _route_stdlib(level: Level, processors: list[Processor], write: Write) -> None:
    root = logging.getLogger()
    for handler in tuple(root.handlers):  # a plain stream would get a second copy, unredacted
        if isinstance(handler, _PipelineHandler) or type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.addHandler(_PipelineHandler(processors, write))
    root.setLevel(_number(level))
    for name in _QUIET_BELOW_WARNING:
        logging.getLogger(name).setLevel(max(logging.WARNING, _number(level)))
    for name in _GRANIAN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "granian.access"
