"""The metrics of one process, and the page that shows those of all."""

from typing import Final
from uuid import UUID

import structlog

from adapters.metrics import CONTENT_TYPE, SharedMemory, SharedMetrics, exposition
from app.metrics.catalogue import CATALOGUE, DURATION, NO_ROUTE, REQUESTS, WORKERS
from app.observability import AccessLine

SPARE_PLACES: Final = 3
"""For workers that take over from others before these have ended."""

_shared: SharedMemory | None = None
_log = structlog.get_logger(__name__)


def share(workers: int) -> SharedMemory:
    """In the supervisor, before it forks: the memory of all workers."""
    global _shared  # noqa: PLW0603 - a forked worker has nothing else from its supervisor
    _shared = SharedMemory(workers + SPARE_PLACES)
    return _shared


class Telemetry:
    """What this process counts, in the memory that it shares with the other workers."""

    def __init__(self) -> None:
        """Claim a place; without a free one, which an operator is told, count for itself."""
        memory = SharedMemory(1) if _shared is None else _shared
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
        self.metrics = SharedMetrics(place, CATALOGUE)
        self.metrics.set(WORKERS, 1)

    def page(self) -> bytes:
        """The numbers of all workers, as Prometheus reads them."""
        return page(self._memory)

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
            )

        return line


def page(memory: SharedMemory) -> bytes:
    """All that is counted in ``memory``."""
    return exposition(memory, CATALOGUE)


__all__ = ["CONTENT_TYPE", "Telemetry", "page", "share"]
