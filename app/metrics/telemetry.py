"""The metrics of one process, and the page that shows those of all."""

from uuid import UUID

import structlog

from adapters.metrics import SharedMemory, SharedMetrics, exposition
from app.metrics.catalogue import CATALOGUE, DURATION, NO_ROUTE, REQUESTS, WORKERS
from app.metrics.shared import shared_memory
from app.observability import AccessLine

_log = structlog.get_logger(__name__)


class Telemetry:
    """What this process counts, in the memory that it shares with the other workers."""

    def __init__(self) -> None:
        """Claim a place; without a free one, which an operator is told, count for itself."""
        memory = shared_memory() or SharedMemory(1)
        place = memory.claim()
        if place is None:
            _log.error("metrics_have_no_place", effect="what this worker counts is not shown")
            memory = SharedMemory(1)
            place = memory.claim()
        if place is None:  # never: it is ours alone
            raise RuntimeError("a new memory has no place")
        self._memory = memory
        self.measures = place.number == 0
        """Whether this is the worker that asks for what is of the whole deployment."""
        self.metrics = SharedMetrics(memory, place, CATALOGUE)
        self.metrics.set(WORKERS, 1)

    def page(self) -> bytes:
        """The numbers of all workers, as Prometheus reads them."""
        return exposition(self._memory)

    def access_line(self, write: AccessLine) -> AccessLine:
        """An access log that counts, too."""
        metrics = self.metrics

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
            template = NO_ROUTE if route == "-" else route
            metrics.count(REQUESTS, method, template, str(status))
            metrics.observe(DURATION, duration_ms / 1000, method, template)
            write(
                method,
                route,
                status=status,
                duration_ms=duration_ms,
                request_id=request_id,
                principal_id=principal_id,
                trace_id=trace_id,
                span_id=span_id,
            )

        return line
