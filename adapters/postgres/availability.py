"""Says once that PostgreSQL was lost and once that it is back, however many requests notice."""

import time

import structlog

from adapters.postgres.errors import CONTENTION, diagnosed

_log = structlog.get_logger("adapters.postgres")


CALM_SECONDS = 1.0
"""How long nothing may fail before it is over: an overloaded server answers now and then."""


class Availability:
    """What this process knows about PostgreSQL being there."""

    __slots__ = ("_calm_seconds", "_failed_at", "_location", "_lost_at", "_told")

    def __init__(self, location: str, *, calm_seconds: float = CALM_SECONDS) -> None:
        self._location = location
        self._calm_seconds = calm_seconds
        self._lost_at: float | None = None
        self._failed_at = 0.0
        self._told: set[str] = set()

    def lost(self, error: Exception) -> None:
        """A statement could not be carried out. Each problem of one outage is logged once."""
        if isinstance(error, CONTENTION):
            # the first argument alone: the details are for PostgreSQL's own log
            _log.warning("database_contention", database=self._location, problem=error.args[0])
            return
        self._failed_at = time.monotonic()
        if self._lost_at is None:
            self._lost_at = self._failed_at
        problem = diagnosed(error, self._location)
        message = str(problem) if problem is not None else type(error).__name__
        if message not in self._told:
            self._told.add(message)
            _log.error("database_unavailable", database=self._location, problem=message)

    def found(self) -> None:
        """A statement was carried out."""
        if self._lost_at is None or time.monotonic() - self._failed_at < self._calm_seconds:
            return
        seconds = round(self._failed_at - self._lost_at, 1)
        self._lost_at = None
        self._told.clear()
        _log.info("database_available_again", database=self._location, after_seconds=seconds)
