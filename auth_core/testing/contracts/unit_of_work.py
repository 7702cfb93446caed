"""The contract of `UnitOfWork` and `Outbox`: all of it, or nothing."""

import asyncio

import pytest

from auth_core.core import CoreUnitOfWork
from auth_core.kernel import DomainEvent, UserId, UsernameTaken
from auth_core.sessions import Session
from auth_core.testing.contracts.making import (
    RACERS,
    RecordedEvents,
    UnitOfWorkFactory,
    fresh_id,
    new_hash,
    new_session,
    new_user,
    now,
    read_back,
    stored_user,
    user_created,
    user_updated,
)
from auth_core.users import User


class UnitOfWorkContract:
    """Needs the fixtures ``unit_of_work``, a `UnitOfWorkFactory`, and ``recorded_events``.

    The latter is a `RecordedEvents`: from a user's id to the committed events about them, oldest
    first, each as its id and wire name.
    """

    async def test_nothing_is_recorded_about_a_stranger(
        self, recorded_events: RecordedEvents
    ) -> None:
        assert [] == await recorded_events(UserId(fresh_id()))

    async def test_a_commit_keeps_everything(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        user = new_user()
        session, event = new_session(user), user_created(user.id)
        async with unit_of_work() as uow:
            await _write(uow, user, session, event)
            await uow.commit()

        assert [user, user, user] == await read_back(unit_of_work, user)
        assert (True, True) == await _kept(unit_of_work, user, session)
        assert [(event.id, "user.created")] == await recorded_events(user.id)

    async def test_leaving_without_a_commit_keeps_nothing(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        user = new_user()
        session = new_session(user)
        async with unit_of_work() as uow:
            await _write(uow, user, session, user_created(user.id))

        assert [None, None, None] == await read_back(unit_of_work, user)
        assert (False, False) == await _kept(unit_of_work, user, session)
        assert [] == await recorded_events(user.id)

    @pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
    async def test_an_error_keeps_nothing_and_is_passed_on(
        self,
        unit_of_work: UnitOfWorkFactory,
        recorded_events: RecordedEvents,
        error: type[BaseException],
    ) -> None:
        user = new_user()
        session = new_session(user)

        async def fail() -> None:
            async with unit_of_work() as uow:
                await _write(uow, user, session, user_created(user.id))
                raise error

        with pytest.raises(error):
            await fail()

        assert [None, None, None] == await read_back(unit_of_work, user)
        assert (False, False) == await _kept(unit_of_work, user, session)
        assert [] == await recorded_events(user.id)

    async def test_what_was_committed_stays_when_the_block_fails_afterwards(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = new_user()

        async def fail() -> None:
            async with unit_of_work() as uow:
                await uow.users.add(user)
                await uow.commit()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_a_failed_statement_keeps_nothing_of_what_came_before(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        taken = await stored_user(unit_of_work)
        first, second = new_user(), new_user(username=taken.username)

        async def fail() -> None:
            async with unit_of_work() as uow:
                await uow.users.add(first)
                await uow.outbox.add([user_created(first.id)])
                await uow.users.add(second)
                await uow.commit()

        with pytest.raises(UsernameTaken):
            await fail()

        assert [None, None, None] == await read_back(unit_of_work, first)
        assert [] == await recorded_events(first.id)

    async def test_a_cancelled_task_keeps_nothing_and_blocks_nobody(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, written = new_user(), asyncio.Event()

        async def hang() -> None:
            async with unit_of_work() as uow:
                await uow.users.add(user)
                written.set()
                await asyncio.Event().wait()

        hanging = asyncio.create_task(hang())
        await written.wait()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging

        again = await stored_user(unit_of_work, username=user.username, email=user.email)
        assert [None, again, again] == await read_back(unit_of_work, user)

    async def test_a_unit_of_work_may_do_nothing(self, unit_of_work: UnitOfWorkFactory) -> None:
        async with unit_of_work():
            pass
        async with unit_of_work() as uow:
            await uow.commit()

    async def test_a_reader_sees_what_is_committed_while_it_reads(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """READ COMMITTED: each statement sees the newest committed state."""
        user = new_user()
        async with unit_of_work() as uow:
            before = await uow.users.get(user.id)
            async with unit_of_work() as writer:
                await writer.users.add(user)
                await writer.commit()
            after = await uow.users.get(user.id)

        assert (None, user) == (before, after)

    async def test_events_are_recorded_in_their_order(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        """Within a call, within a transaction and from one transaction to the next."""
        user = await stored_user(unit_of_work)
        events = [user_created(user.id), *(user_updated(user.id) for _ in range(5))]
        async with unit_of_work() as uow:
            await uow.outbox.add([events[0], events[2]])
            await uow.outbox.add([events[1]])
            await uow.commit()
        async with unit_of_work() as uow:
            await uow.outbox.add(events[3:])
            await uow.commit()

        expected = [events[0], events[2], events[1], *events[3:]]
        assert [(event.id, event.type) for event in expected] == await recorded_events(user.id)

    async def test_no_events_are_no_event(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        user = await stored_user(unit_of_work)
        async with unit_of_work() as uow:
            await uow.outbox.add([])
            await uow.commit()

        assert [] == await recorded_events(user.id)

    async def test_parallel_units_of_work_do_not_disturb_each_other(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        users = [new_user() for _ in range(2 * RACERS)]

        async def write(user: User, *, commit: bool) -> None:
            async with unit_of_work() as uow:
                await _write(uow, user, new_session(user), user_created(user.id))
                if commit:
                    await uow.commit()

        await asyncio.gather(
            *(write(user, commit=number % 2 == 0) for number, user in enumerate(users))
        )

        expected = [[user, user, user] for user in users[::2]]
        assert expected == [await read_back(unit_of_work, user) for user in users[::2]]
        for user in users[1::2]:
            assert [None, None, None] == await read_back(unit_of_work, user)
            assert [] == await recorded_events(user.id)


async def _write(uow: CoreUnitOfWork, user: User, session: Session, event: DomainEvent) -> None:
    await uow.users.add(user)
    await uow.credentials.set_password(user.id, new_hash())
    await uow.sessions.add(session)
    await uow.outbox.add([event])


async def _kept(unit_of_work: UnitOfWorkFactory, user: User, session: Session) -> tuple[bool, bool]:
    """Whether the password and the session are there."""
    async with unit_of_work() as uow:
        account = await uow.credentials.account(user.username)
        state = await uow.sessions.state(session.id, now())
    return account is not None and account.password_hash is not None, state is not None
