"""The relay: from the outbox to a publisher, at least once and in order."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from auth_core.events.metrics import PUBLISHED, RELAY_ERRORS
from auth_core.events.model import Backlog, EventSource, PublishingFailed
from auth_core.events.ports import EventPublisher, EventsUnitOfWork
from auth_core.kernel import NO_METRICS, Clock, Metrics

_FIRST_PAUSE = timedelta(milliseconds=500)


class EventRelayPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``batch``: events of one transaction, and of one call of the publisher.

    ``longest_pause``: how long a publisher that fails is left alone at most.
    """

    batch: int = 500
    longest_pause: timedelta = timedelta(seconds=30)


class EventRelay:
    """Brings one publisher up to date. Any number may run at once, and be cut off anywhere.

    It takes the publisher's turn, publishes, and keeps the progress in one transaction. Whoever
    dies in between leaves events that are published again, in the same order and with the same
    ids; the others go on from there as soon as the database has noticed.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], EventsUnitOfWork],
        publisher: EventPublisher,
        source: EventSource,
        clock: Clock,
        policy: EventRelayPolicy,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._publisher = publisher
        self._source = source
        self._clock = clock
        self._policy = policy
        self._metrics = metrics
        self._paused_until: datetime | None = None
        self._failures = 0
        self._stopping = False
        self.problem = ""
        """Why the publisher takes nothing, for an operator: a code; "" while all is well."""
        self.advice = ""
        """What to do about it, if that is known."""

    @property
    def publisher(self) -> str:
        """The name of the publisher."""
        return self._publisher.name

    def stop(self) -> None:
        """Begin no further batch: a `run` that is under way returns after the one it is at."""
        self._stopping = True

    async def run(self) -> int:
        """Publish all that is there; returns how many events went.

        One query when there is nothing to do, none while the publisher is given a rest: it gets
        one from 0.5 s on, twice as long each time. Raises Unavailable when storage is down.
        """
        if self._paused_until is not None and self._clock.now() < self._paused_until:
            return 0
        total = 0
        while not self._stopping:
            async with self._unit_of_work() as uow:
                waiting = await uow.event_log.waiting(self.publisher)
            numbered = await self._number() if waiting.unnumbered else 0
            if not waiting.behind and not numbered:
                break
            published = await self._publish()
            if not published and not numbered:
                break
            total += published
            if self._failures:
                break
        return total

    async def backlog(self) -> Backlog:
        """What the publisher has not taken yet. Counts: not for every second."""
        async with self._unit_of_work() as uow:
            return await uow.event_log.backlog(self.publisher)

    async def _number(self) -> int:
        async with self._unit_of_work() as uow:
            numbered = await uow.event_log.number(self._policy.batch)
            await uow.commit()
        return numbered

    async def _publish(self) -> int:
        """One batch; 0 when somebody else is at it, when there is none, or when it was not taken.

        The turn is kept until the progress is durable, or lost with the transaction.
        """
        async with self._unit_of_work() as uow:
            progress = await uow.event_log.turn(self.publisher)
            if progress is None:
                return 0
            events = await uow.event_log.after(progress, self._policy.batch)
            if not events:
                await uow.commit()  # a publisher that is new is known from now on
                return 0
            try:
                await self._publisher.publish([self._source.told(event) for event in events])
            except PublishingFailed as failure:
                self._rest(failure.reason, failure.advice)
                return 0
            except Exception as error:  # noqa: BLE001 - no event is lost to a bug, none overtakes
                self._rest(f"error_{type(error).__name__}")
                return 0
            await uow.event_log.advance(self.publisher, events[-1].sequence)
            await uow.commit()
        self._failures, self._paused_until, self.problem, self.advice = 0, None, "", ""
        self._metrics.count(PUBLISHED, self.publisher, by=len(events))
        return len(events)

    def _rest(self, reason: str, advice: str = "") -> None:
        pause = _FIRST_PAUSE * (1 << min(self._failures, 20))
        self._paused_until = self._clock.now() + min(pause, self._policy.longest_pause)
        self._failures += 1
        self.problem, self.advice = reason, advice
        self._metrics.count(RELAY_ERRORS, self.publisher)


class Events:
    """The relays of a deployment: how far they are, and what they are to publish again."""

    def __init__(
        self, unit_of_work: Callable[[], EventsUnitOfWork], relays: Iterable[EventRelay]
    ) -> None:
        self._unit_of_work = unit_of_work
        self.relays = tuple(relays)

    @property
    def publishers(self) -> tuple[str, ...]:
        """The names of the publishers."""
        return tuple(relay.publisher for relay in self.relays)

    async def since(self, moment: datetime, publisher: str) -> int:
        """Have all retained events from ``moment`` on published again, with the ids that they have.

        Returns how many.

        What happens meanwhile comes behind them. Raises Unavailable.
        """
        async with self._unit_of_work() as uow:
            count = await uow.event_log.rewind(publisher, moment)
            await uow.commit()
        return count

    async def backlogs(self) -> list[Backlog]:
        """How far behind each publisher is."""
        async with self._unit_of_work() as uow:
            return [await uow.event_log.backlog(name) for name in self.publishers]
