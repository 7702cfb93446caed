"""Spans on their way to a collector: in batches, by a thread of their own.

No request waits for it. What the collector does not take is dropped: the queue is bounded
(OTEL_BSP_MAX_QUEUE_SIZE), and so is the time for a batch (OTEL_EXPORTER_OTLP_TIMEOUT).
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Final

import msgspec
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import Tracer

from auth_core.kernel import Misconfigured, Secret

CLOSE_SECONDS: Final = 2.0
"""How long the last spans may take when the process stops."""
_PATIENCE: Final = 0.5
"""After that much more a thread that still sends is left to its fate: it is a daemon."""

_log = structlog.get_logger(__name__)


class Collector(msgspec.Struct, frozen=True, kw_only=True):
    """Where spans go and which: ``endpoint`` is the URL for traces, ``ratio`` from 0 to 1.

    ``sampler`` is a name of OTEL_TRACES_SAMPLER. ``resource`` describes this process.
    """

    endpoint: str
    headers: Mapping[str, Secret[str]]
    sampler: str
    ratio: float
    resource: Mapping[str, str | int]


class TraceExport:
    """Makes spans and sends them. Begins a thread: make it only once the process is forked."""

    def __init__(self, collector: Collector) -> None:
        """Raises Misconfigured for numbers in the environment that the SDK does not take."""
        _quiet()
        try:
            self._exporter = _Exporter(collector)
            self._provider = TracerProvider(
                sampler=_sampler(collector),
                resource=Resource.create(dict(collector.resource)),
                shutdown_on_exit=False,
                id_generator=_OwnIds(),
                span_limits=SpanLimits(),
            )
            self._processor = BatchSpanProcessor(self._exporter)  # last: it begins the thread
        except ValueError as error:
            raise Misconfigured(
                f"OpenTelemetry refuses its settings (OTEL_BSP_…, OTEL_…_LIMIT): {error}"
            ) from None
        self._provider.add_span_processor(self._processor)

    @property
    def tracer(self) -> Tracer:
        """What begins spans."""
        return self._provider.get_tracer("fm-auth-service")

    async def close(self) -> None:
        """Send what is there, for `CLOSE_SECONDS` at most, and stop."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(sent.set)

        # a thread of the loop's pool would be waited for at the end of the process
        threading.Thread(target=send, name="last-spans", daemon=True).start()
        for seconds in (CLOSE_SECONDS, _PATIENCE):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await sent.wait()
            self._exporter.stop()  # whoever is between two attempts goes on no more


class _Exporter(SpanExporter):
    """OTLP over HTTP. Tells of a collector that does not take spans once, and when it does again.

    Called by one thread.
    """

    def __init__(self, collector: Collector) -> None:
        self._otlp = OTLPSpanExporter(
            endpoint=collector.endpoint,
            headers={name: value.reveal() for name, value in collector.headers.items()},
        )
        self._failing = False
        self._stopped = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._otlp.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            _log.warning(
                "traces_not_taken",
                effect="spans are dropped until the collector takes them; requests go on as before",
                advice="see OTEL_EXPORTER_OTLP_ENDPOINT",
            )
        elif self._failing and not failed:
            _log.info("traces_taken_again")
        self._failing = failed
        return result

    def stop(self) -> None:
        """Give up whatever is waiting for its next attempt."""
        if not self._stopped:
            self._stopped = True
            self._otlp.shutdown()  # type: ignore[no-untyped-call]

    def shutdown(self) -> None:
        self.stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing is kept
        return True


class _OwnIds(IdGenerator):
    """Random ids. The SDK's come from the shared generator, which is the same in all workers."""

    def __init__(self) -> None:
        self._bits = Random().getrandbits  # noqa: S311 - names, hides nothing

    def generate_span_id(self) -> int:
        return self._bits(64) or 1

    def generate_trace_id(self) -> int:
        return self._bits(128) or 1


def _sampler(collector: Collector) -> Sampler:
    name = collector.sampler.removeprefix("parentbased_")
    root: Sampler = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(
        name, TraceIdRatioBased(collector.ratio)
    )
    return ParentBased(root) if collector.sampler.startswith("parentbased_") else root


def _quiet() -> None:
    """The SDK's own log repeats itself for each batch, and quotes callers and URLs."""
    log = logging.getLogger("opentelemetry")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
