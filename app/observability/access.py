"""One line per request: who asked for what, how it ended, how long it took. Nothing else."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec


class AccessLine(Protocol):
    """Writes the access line of one request. Never raises."""

    def __call__(
        self,
        method: str,
        route: str,
        *,
        status: int,
        duration_ms: float,
        request_id: str,
        principal_id: UUID | str | None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        """``route`` is the template (``/users/{user_id}``), never the path that was asked for.

        ``trace_id`` is there whenever there is a trace, ``span_id`` if we trace it ourselves.
        """
        ...


class _Line(msgspec.Struct, gc=False):
    timestamp: str
    level: str
    event: str
    method: str
    route: str
    status: int
    duration_ms: float
    request_id: str
    principal_id: UUID | str | None
    trace_id: str | msgspec.UnsetType
    span_id: str | msgspec.UnsetType


class _Logger(Protocol):
    def info(self, event: str, **fields: object) -> object: ...


def json_access_line(write: Callable[[bytes], object], now: Callable[[], datetime]) -> AccessLine:
    """An access log that encodes its line itself: all its fields are known to be safe."""
    encode = msgspec.json.Encoder().encode

    def line(
        method: str,
        route: str,
        *,
        status: int,
        duration_ms: float,
        request_id: str,
        principal_id: UUID | str | None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        record = _Line(
            now().isoformat(timespec="milliseconds"),
            "info",
            "request",
            method,
            route,
            status,
            round(duration_ms, 3),
            request_id,
            principal_id,
            trace_id or msgspec.UNSET,
            span_id or msgspec.UNSET,
        )
        try:
            encoded = encode(record)
        except UnicodeEncodeError:  # an unpaired surrogate
            record.method, record.request_id = ascii(method), ascii(request_id)
            record.route, record.principal_id = ascii(route), ascii(principal_id)
            encoded = encode(record)
        write(encoded + b"\n")

    return line


def console_access_line(logger: _Logger) -> AccessLine:
    """An access log for people, through the ordinary pipeline."""

    def line(
        method: str,
        route: str,
        *,
        status: int,
        duration_ms: float,
        request_id: str,
        principal_id: UUID | str | None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        logger.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(duration_ms, 3),
            request_id=request_id,
            principal_id=principal_id,
            **({"trace_id": trace_id} if trace_id else {}),
            **({"span_id": span_id} if span_id else {}),
        )

    return line


def no_access_line(
    method: str,
    route: str,
    *,
    status: int,
    duration_ms: float,
    request_id: str,
    principal_id: UUID | str | None,
    trace_id: str | None = None,
    span_id: str | None = None,
) -> None:
    """The access log of a process that logs warnings and worse only."""
