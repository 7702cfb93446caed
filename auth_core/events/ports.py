"""What the relay needs: the outbox from its other end, and somebody who passes events on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from auth_core.events.model import Backlog, CloudEvent, RecordedEvent
from auth_core.kernel import UnitOfWork


class EventPublisher(Protocol):
    """Passes events on: to a stream, to a broker, to those who subscribed."""

    @property
    def name(self) -> str:
        """What its progress is kept under, at most 64 characters; for ever the same."""
        ...

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Pass events on, in bounded time; whoever they are for has them durably afterwards.

        Any of them may have been passed on before, with the same ids: at least once. Of one
        subject none may become visible before all that stand before it in ``events`` are, also
        when this fails half-way or is cut off. Raises PublishingFailed; all of them come again.
        """
        ...


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there are committed events without a number, and events beyond a progress."""

    unnumbered: bool
    behind: bool


class EventLog(Protocol):
    """The outbox from its other end.

    Committed events get consecutive numbers, their ``sequence``, by one transaction at a time: when
    a number can be seen, every smaller one can be seen, too, or never will be. So the progress of a
    publisher is one number. What was rolled back never gets one.
    """

    async def waiting(self, publisher: str) -> Waiting:
        """Whether there is anything to do; cheap, and locks nothing."""
        ...

    async def number(self, limit: int) -> int:
        """Number up to ``limit`` committed events; returns how many. Holds with the commit.

        In the order of their recording: an event whose transaction began to record after another
        one was committed gets a greater number. 0, at once, while another transaction is at it.
        """
        ...

    async def turn(self, publisher: str) -> int | None:
        """Take the publisher's turn until this transaction ends; returns its progress.

        None, at once, while another transaction has it. A publisher that was never seen begins at
        0: with all that is retained.
        """
        ...

    async def after(self, sequence: int, limit: int) -> list[RecordedEvent]:
        """Up to ``limit`` events with greater numbers, in their order."""
        ...

    async def advance(self, publisher: str, sequence: int) -> None:
        """Keep the progress of a publisher whose turn this transaction has."""
        ...

    async def rewind(self, publisher: str, since: datetime) -> int:
        """Set the progress back so that all retained events that happened at ``since`` or later go
        again, with those recorded between them; returns how many. Waits for the publisher's turn.

        A no-op when that would be forward.
        """
        ...

    async def backlog(self, publisher: str) -> Backlog:
        """What it has not taken yet."""
        ...


class EventsUnitOfWork(UnitOfWork, Protocol):
    """A transaction over the outbox, from both ends."""

    @property
    def event_log(self) -> EventLog:
        """The committed events."""
        ...
