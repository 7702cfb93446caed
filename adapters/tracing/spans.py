"""Spans, and what becomes of them when their work fails. Attributes hold words of ours only."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.status import StatusCode

from auth_core.kernel import AuthCoreError, Misconfigured, Unavailable, parse_traceparent

Attributes = Mapping[str, str | int]

ERROR_TYPE: Final = "error.type"
_NOWHERE: Final = Context()


class Spans:
    """Begins spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @property
    def recorded(self) -> bool:
        """Whether something is under way of which a trace is kept."""
        return get_current_span().is_recording()

    def leaf(self, name: str, kind: SpanKind, attributes: Attributes) -> "Timed":
        """A span below the current one, with none below it."""
        return Timed(self._tracer.start_span(name, kind=kind, attributes=attributes))

    def within(self, name: str, kind: SpanKind, attributes: Attributes) -> "Current":
        """A span below the current one, current inside its block."""
        return Current(self._tracer.start_span(name, kind=kind, attributes=attributes))

    def of_remote(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        origin: SpanContext | None,
        links: Sequence[SpanContext] = (),
    ) -> "Current":
        """A span below one of another process or time, or with which a trace begins."""
        parent = _NOWHERE if origin is None else set_span_in_context(NonRecordingSpan(origin))
        span = self._tracer.start_span(
            name,
            context=parent,
            kind=kind,
            attributes=attributes,
            links=[Link(each) for each in links],
        )
        return Current(span)

    def moment(self, name: str, kind: SpanKind, attributes: Attributes) -> SpanContext:
        """A span below the current one for what takes no time."""
        span = self._tracer.start_span(name, kind=kind, attributes=attributes)
        span.end()
        return span.get_span_context()


class Timed:
    """The block that a span is about. What it raises is in the span as a word, and nothing else."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span

    def __enter__(self) -> Span:
        return self.span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            note_failure(self.span, error)
        self.span.end()


class Current(Timed):
    """The same; spans that begin inside are below it."""

    __slots__ = ("_token",)

    def __enter__(self) -> Span:
        self._token = contexts.attach(set_span_in_context(self.span))
        return self.span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        contexts.detach(self._token)
        super().__exit__(kind, error, traceback)


def note_failure(span: Span, error: BaseException) -> None:
    """Say in one word what went wrong; that somebody was refused is no failure of ours."""
    span.set_attribute(ERROR_TYPE, failure_word(error))
    if not isinstance(error, AuthCoreError) or isinstance(error, Unavailable | Misconfigured):
        span.set_status(StatusCode.ERROR)


def failure_word(error: BaseException) -> str:
    """A wire code, a reason of an adapter, an SQLSTATE, or the name of the class: no text."""
    for name in ("code", "reason", "sqlstate"):
        word = getattr(error, name, None)
        if isinstance(word, str) and word.replace("_", "").isalnum():
            return word
    return type(error).__name__


def traceparent_of(context: SpanContext) -> str:
    """W3C Trace Context, version 00."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def remote_context(traceparent: str | None) -> SpanContext | None:
    """What a ``traceparent`` says, or None if it is none."""
    found = parse_traceparent(traceparent) if traceparent else None
    if found is None:
        return None
    _, trace_id, span_id, flags = found.split("-")
    return SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16) & TraceFlags.SAMPLED),
    )
