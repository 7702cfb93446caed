"""The outbox from its other end, in memory, and a publisher that a test decides about."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from auth_core.events import (
    Backlog,
    CloudEvent,
    EventLog,
    EventPublisher,
    PublishingFailed,
    RecordedEvent,
    Waiting,
)
from auth_core.kernel import DomainEvent
from auth_core.testing.store import Transaction


class InMemoryEventLog:
    """Committed events, as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def waiting(self, publisher: str) -> Waiting:
        """Look at both."""
        await self._transaction.statement("event_log.waiting")
        behind = self._newest() > self._progress(publisher)
        return Waiting(unnumbered=bool(self._unnumbered()), behind=behind)

    async def number(self, limit: int) -> int:
        """Go on from the greatest number there ever was."""
        await self._transaction.statement("event_log.number")
        if not self._transaction.is_free("event numbers"):
            return 0
        await self._transaction.lock("event numbers")
        events, last = self._unnumbered()[:limit], self._last()
        for number, event in enumerate(events, last + 1):
            self._transaction.event_numbers[event.id] = number
        self._transaction.event_progress[""] = last + len(events)
        return len(events)

    async def turn(self, publisher: str) -> int | None:
        """Hold it unless somebody does."""
        await self._transaction.statement("event_log.turn")
        if not self._transaction.is_free(("turn", publisher)):
            return None
        await self._transaction.lock(("turn", publisher))
        return self._progress(publisher)

    async def after(self, sequence: int, limit: int) -> list[RecordedEvent]:
        """By their numbers."""
        await self._transaction.statement("event_log.after")
        return [
            RecordedEvent.of(event, number)
            for number, event in sorted(self._numbered())
            if number > sequence
        ][:limit]

    async def advance(self, publisher: str, sequence: int) -> None:
        """Keep it."""
        await self._transaction.statement("event_log.advance")
        self._transaction.event_progress[publisher] = sequence

    async def rewind(self, publisher: str, since: datetime) -> int:
        """Keep a smaller one."""
        await self._transaction.statement("event_log.rewind")
        await self._transaction.lock(("turn", publisher))
        progress, numbered = self._progress(publisher), self._numbered()
        meant = [number for number, event in numbered if event.occurred_at >= since]
        back = min([*(number - 1 for number in meant), progress])
        self._transaction.event_progress[publisher] = back
        return sum(back < number <= progress for number, _ in numbered)

    async def backlog(self, publisher: str) -> Backlog:
        """Count."""
        await self._transaction.statement("event_log.backlog")
        progress = self._progress(publisher)
        left = [event for number, event in self._numbered() if number > progress]
        left += self._unnumbered()
        oldest = min((event.occurred_at for event in left), default=None)
        return Backlog(publisher=publisher, depth=len(left), oldest=oldest)

    def _numbered(self) -> list[tuple[int, DomainEvent]]:
        numbers = self._transaction.event_numbers
        events = self._transaction.committed_events()
        return [(numbers[event.id], event) for event in events if event.id in numbers]

    def _unnumbered(self) -> list[DomainEvent]:
        numbers = self._transaction.event_numbers
        return [event for event in self._transaction.committed_events() if event.id not in numbers]

    def _newest(self) -> int:
        return max((number for number, _ in self._numbered()), default=0)

    def _last(self) -> int:
        return self._transaction.event_progress.get("", 0)

    def _progress(self, publisher: str) -> int:
        return self._transaction.event_progress.get(publisher, 0)


class InMemoryPublisher:
    """A stream that takes everything, or fails as it is told."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.published: list[CloudEvent] = []
        """Everything, repeats as well, in order."""
        self.failing: Callable[[CloudEvent], str | None] = lambda _: None
        """Called with each event before it is taken; a reason makes it fail there."""

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Take them one by one, up to the one that fails."""
        for event in events:
            await asyncio.sleep(0)
            reason = self.failing(event)
            if reason is not None:
                raise PublishingFailed(reason)
            self.published.append(event)


if TYPE_CHECKING:
    _log: type[EventLog] = InMemoryEventLog
    _publisher: EventPublisher = InMemoryPublisher()
