"""The contract of `EventPublisher`: at least once, and in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from auth_core.events import CloudEvent, EventPublisher, EventSource, RecordedEvent
from auth_core.kernel import EventId, UserId
from auth_core.testing.contracts.making import fresh_id, now
from auth_core.users import UserUpdated

ReadBack = Callable[[], Awaitable[list[CloudEvent]]]
SOURCE = EventSource(uri="https://auth.example.com", schemas="https://auth.example.com/schemas")


def new_event(user_id: UserId | None = None, at: datetime | None = None) -> UserUpdated:
    """An event that nobody has recorded."""
    moment = at or now()
    return UserUpdated(
        id=EventId(fresh_id(moment)),
        occurred_at=moment,
        user_id=user_id or UserId(fresh_id()),
        fields=("display_name",),
    )


def new_cloud_event(user_id: UserId | None = None, sequence: int = 1) -> CloudEvent:
    """An event that nobody has published."""
    return SOURCE.told(RecordedEvent.of(new_event(user_id), sequence))


class EventPublisherContract:
    """Needs the fixtures ``publisher`` and ``published``: what it has passed on, in order.

    Events of other tests may be among it. A publisher that drops repeats is as good as one that
    passes them on.
    """

    async def test_events_arrive_whole_and_in_order(
        self, publisher: EventPublisher, published: ReadBack
    ) -> None:
        user_id = UserId(fresh_id())
        events = [new_cloud_event(user_id, number) for number in range(1, 21)]

        await publisher.publish(events[:15])
        await publisher.publish(events[15:])

        assert events == [event for event in await published() if event in events]

    async def test_events_of_many_subjects_keep_the_order_of_each(
        self, publisher: EventPublisher, published: ReadBack
    ) -> None:
        users = [UserId(fresh_id()) for _ in range(7)]
        events = [new_cloud_event(users[(n * n) % 7], n) for n in range(1, 61)]

        await publisher.publish(events)

        read = [event for event in await published() if event in events]
        assert len(events) == len(read)
        for user in users:
            mine = [event for event in events if event.subject == str(user)]
            assert mine == [event for event in read if event.subject == str(user)]

    async def test_a_repeat_has_the_same_id_and_comes_after_the_first(
        self, publisher: EventPublisher, published: ReadBack
    ) -> None:
        user_id = UserId(fresh_id())
        events = [new_cloud_event(user_id, number) for number in (1, 2, 3)]

        await publisher.publish(events[:2])
        await publisher.publish(events)

        read = [event for event in await published() if event in events]
        assert events == _firsts(read)

    async def test_what_a_relay_that_was_cut_off_had_begun_can_be_published_again(
        self, publisher: EventPublisher, published: ReadBack
    ) -> None:
        """Whether it had arrived or not: repeats come after the first, and nothing is missing."""
        user_id = UserId(fresh_id())
        events = [new_cloud_event(user_id, number) for number in range(1, 6)]
        publishing = asyncio.ensure_future(publisher.publish(events))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)

        await publisher.publish(events)

        assert events == _firsts([event for event in await published() if event in events])

    async def test_nothing_is_nothing(self, publisher: EventPublisher) -> None:
        await publisher.publish([])

    async def test_its_name_fits_where_it_is_kept(self, publisher: EventPublisher) -> None:
        assert publisher.name == publisher.name.strip()
        assert 0 < len(publisher.name) <= 64


def _firsts(events: Sequence[CloudEvent]) -> list[CloudEvent]:
    first: dict[str, CloudEvent] = {}
    for event in events:
        first.setdefault(event.id, event)
    return list(first.values())
