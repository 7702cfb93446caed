"""The contract of `EventLog`: what is committed, each once, in order; nothing undone."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from auth_core.events import EventsUnitOfWork, RecordedEvent, Waiting
from auth_core.kernel import DomainEvent, EventId, UserId
from auth_core.testing.contracts.event_publisher import new_event
from auth_core.testing.contracts.making import RACERS, fresh_id, now
from auth_core.users import UserCreated

EventsFactory = Callable[[], EventsUnitOfWork]
_MANY = 10_000


class EventLogContract:
    """Needs the fixture ``unit_of_work``, over a store that may be swept empty.

    Other tests may record events meanwhile; what is compared are the events of this one.
    """

    async def test_what_is_committed_is_numbered_in_order_and_read_whole(
        self, unit_of_work: EventsFactory
    ) -> None:
        start = await _newest(unit_of_work)
        events: list[DomainEvent] = [new_event() for _ in range(3)]
        events.append(
            UserCreated(id=EventId(fresh_id()), occurred_at=now(), user_id=UserId(fresh_id()))
        )
        await _record(unit_of_work, *events[:2])
        await _record(unit_of_work, *events[2:])
        assert (await _waiting(unit_of_work, _name())).unnumbered

        await _number(unit_of_work)

        read = _of(await _after(unit_of_work, start), events)
        assert [RecordedEvent.of(e, r.sequence) for e, r in zip(events, read, strict=True)] == read
        assert sorted({each.sequence for each in read}) == [each.sequence for each in read]
        assert read[0].sequence > start

    async def test_what_is_not_committed_is_never_numbered(
        self, unit_of_work: EventsFactory
    ) -> None:
        start, undone = await _newest(unit_of_work), new_event()
        async with unit_of_work() as uow:
            await uow.outbox.add([undone])
            await _number(unit_of_work)
        await _number(unit_of_work)

        assert [] == _of(await _after(unit_of_work, start), [undone])

    async def test_numbers_hold_with_the_commit_and_are_given_once(
        self, unit_of_work: EventsFactory
    ) -> None:
        start, event = await _newest(unit_of_work), new_event()
        await _record(unit_of_work, event)
        async with unit_of_work() as uow:
            assert 0 < await uow.event_log.number(_MANY)

        assert [] == _of(await _after(unit_of_work, start), [event])
        await _number(unit_of_work)
        first = _of(await _after(unit_of_work, start), [event])
        await _record(unit_of_work, new_event())
        await _number(unit_of_work)
        assert first == _of(await _after(unit_of_work, start), [event])

    async def test_while_one_numbers_others_do_not_wait(self, unit_of_work: EventsFactory) -> None:
        await _record(unit_of_work, new_event())
        async with unit_of_work() as one:
            assert 0 < await one.event_log.number(_MANY)
            async with unit_of_work() as other:
                assert 0 == await other.event_log.number(_MANY)
            await one.commit()

    async def test_each_call_keeps_to_its_limit(self, unit_of_work: EventsFactory) -> None:
        start = await _newest(unit_of_work)
        events = [new_event() for _ in range(5)]
        await _record(unit_of_work, *events)

        async with unit_of_work() as uow:
            assert 2 == await uow.event_log.number(2)
            await uow.commit()
        await _number(unit_of_work)

        assert [each.id for each in events] == [
            each.id for each in _of(await _after(unit_of_work, start), events)
        ]
        async with unit_of_work() as uow:
            assert 2 == len(await uow.event_log.after(start, 2))

    async def test_numbers_of_racing_writers_and_numberers_are_each_given_once(
        self, unit_of_work: EventsFactory
    ) -> None:
        start, user_id = await _newest(unit_of_work), UserId(fresh_id())
        events = [new_event(user_id) for _ in range(2 * RACERS)]

        async def write(mine: Sequence[DomainEvent]) -> None:
            for event in mine:
                await _record(unit_of_work, event)

        await asyncio.gather(
            write(events[::2]),
            write(events[1::2]),
            *(_number(unit_of_work, rounds=RACERS) for _ in range(3)),
        )
        await _number(unit_of_work)

        read = _of(await _after(unit_of_work, start), events)
        assert len(events) == len({each.sequence for each in read}) == len(read)
        ids = [each.id for each in read]
        for mine in (events[::2], events[1::2]):
            assert [event.id for event in mine] == [
                each for each in ids if each in {event.id for event in mine}
            ]

    async def test_a_turn_is_one_transactions_until_it_ends(
        self, unit_of_work: EventsFactory
    ) -> None:
        name = _name()
        async with unit_of_work() as one:
            assert 0 == await one.event_log.turn(name)
            await one.commit()
        async with unit_of_work() as one, unit_of_work() as other:
            assert 0 == await one.event_log.turn(name)
            assert None is await other.event_log.turn(name)
            assert 0 == await other.event_log.turn(_name())
        async with unit_of_work() as other:
            assert 0 == await other.event_log.turn(name)

    async def test_of_racers_for_a_new_publisher_one_gets_the_turn(
        self, unit_of_work: EventsFactory
    ) -> None:
        name, over = _name(), asyncio.Event()
        answers: list[int | None] = []

        async def race() -> None:
            async with unit_of_work() as uow:
                answers.append(await uow.event_log.turn(name))
                if len(answers) == RACERS // 2:
                    over.set()
                await over.wait()

        async with asyncio.timeout(60):
            await asyncio.gather(*(race() for _ in range(RACERS // 2)))

        assert [0] == [answer for answer in answers if answer is not None]

    async def test_progress_holds_with_the_commit_and_is_each_publishers_own(
        self, unit_of_work: EventsFactory
    ) -> None:
        name, other = _name(), _name()
        await _record(unit_of_work, new_event())
        await _number(unit_of_work)
        newest = await _newest(unit_of_work)
        async with unit_of_work() as uow:
            await uow.event_log.turn(name)
            await uow.event_log.advance(name, newest)
        assert 0 == await _progress(unit_of_work, name)

        await _advance(unit_of_work, name, newest)

        assert (newest, 0) == (
            await _progress(unit_of_work, name),
            await _progress(unit_of_work, other),
        )
        assert (await _waiting(unit_of_work, other)).behind

    async def test_rewound_is_what_happened_since_and_nothing_else(
        self, unit_of_work: EventsFactory
    ) -> None:
        name, ahead = _name(), now() + timedelta(days=1)
        events = [new_event(at=ahead + timedelta(seconds=number)) for number in range(3)]
        await _record(unit_of_work, *events)
        await _number(unit_of_work)
        newest = await _newest(unit_of_work)
        await _advance(unit_of_work, name, newest)

        async with unit_of_work() as uow:
            again = await uow.event_log.rewind(name, events[1].occurred_at)
            await uow.commit()

        at = await _progress(unit_of_work, name)
        assert again >= 2
        assert again == len(await _after(unit_of_work, at))
        read = _of(await _after(unit_of_work, at), events)
        assert [event.id for event in events[1:]] == [each.id for each in read]
        async with unit_of_work() as uow:  # never forward
            assert 0 == await uow.event_log.rewind(name, ahead + timedelta(days=9))
            await uow.commit()
        assert at == await _progress(unit_of_work, name)

    async def test_a_backlog_is_what_has_no_number_and_what_is_beyond_the_progress(
        self, unit_of_work: EventsFactory
    ) -> None:
        name = _name()
        await _record(unit_of_work, new_event())
        await _number(unit_of_work)
        await _advance(unit_of_work, name, await _newest(unit_of_work))
        old = now() - timedelta(days=9)
        await _record(unit_of_work, new_event(at=old), new_event())
        async with unit_of_work() as uow:
            await uow.event_log.number(1)
            await uow.commit()

        async with unit_of_work() as uow:
            backlog = await uow.event_log.backlog(name)

        assert (name, old) == (backlog.publisher, backlog.oldest)
        assert backlog.depth >= 2

    async def test_swept_events_leave_numbers_that_nobody_gets_again(
        self, unit_of_work: EventsFactory
    ) -> None:
        await _record(unit_of_work, new_event())
        await _number(unit_of_work)
        newest = await _newest(unit_of_work)
        async with unit_of_work() as uow:
            await uow.outbox.sweep(now() + timedelta(days=9), _MANY)
            await uow.commit()
        event = new_event()
        await _record(unit_of_work, event)
        await _number(unit_of_work)

        [read] = _of(await _after(unit_of_work, 0), [event])
        assert read.sequence > newest


def _name() -> str:
    return f"test-{fresh_id()}"


async def _record(unit_of_work: EventsFactory, *events: DomainEvent) -> None:
    async with unit_of_work() as uow:
        await uow.outbox.add(events)
        await uow.commit()


async def _number(unit_of_work: EventsFactory, rounds: int = 1) -> None:
    for _ in range(rounds):
        async with unit_of_work() as uow:
            await uow.event_log.number(_MANY)
            await uow.commit()


async def _waiting(unit_of_work: EventsFactory, name: str) -> Waiting:
    async with unit_of_work() as uow:
        return await uow.event_log.waiting(name)


async def _after(unit_of_work: EventsFactory, sequence: int) -> list[RecordedEvent]:
    async with unit_of_work() as uow:
        return await uow.event_log.after(sequence, _MANY)


async def _newest(unit_of_work: EventsFactory) -> int:
    events = await _after(unit_of_work, 0)
    return events[-1].sequence if events else 0


async def _progress(unit_of_work: EventsFactory, name: str) -> int:
    async with unit_of_work() as uow:
        progress = await uow.event_log.turn(name)
    assert progress is not None
    return progress


async def _advance(unit_of_work: EventsFactory, name: str, sequence: int) -> None:
    async with unit_of_work() as uow:
        await uow.event_log.turn(name)
        await uow.event_log.advance(name, sequence)
        await uow.commit()


def _of(read: Sequence[RecordedEvent], events: Sequence[DomainEvent]) -> list[RecordedEvent]:
    ids = {event.id for event in events}
    return [each for each in read if each.id in ids]
