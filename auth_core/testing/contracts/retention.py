"""The contract of sweeping: `SessionRepository.sweep` and `Outbox.sweep`."""

import asyncio
from datetime import datetime, timedelta

from auth_core.kernel import EventId, UserId
from auth_core.sessions import EndReason
from auth_core.testing.contracts.making import (
    RACERS,
    RecordedEvents,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_session,
    stored_user,
)
from auth_core.users import UserCreated

TICK = timedelta(microseconds=1)
_AGES = timedelta(days=20_000)
"""Long before anything that other tests leave behind."""


class RetentionContract:
    """Needs the fixtures ``unit_of_work`` and ``recorded_events``."""

    async def test_sessions_that_were_over_before_the_moment_go_and_no_others(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, before = await stored_user(unit_of_work), await _cleared(unit_of_work)
        late = before + timedelta(days=1)
        gone = [
            await stored_session(
                unit_of_work,
                user,
                expires_at=late,
                absolute_expires_at=late,
                ended_at=before - TICK,
                end_reason=EndReason.LOGOUT,
            ),
            await stored_session(
                unit_of_work, user, expires_at=before, absolute_expires_at=before - TICK
            ),
        ]
        kept = [
            await stored_session(unit_of_work, user, ended_at=before, end_reason=EndReason.LOGOUT),
            await stored_session(unit_of_work, user, expires_at=before, absolute_expires_at=before),
            await stored_session(unit_of_work, user),
        ]

        assert 2 == await _sweep(unit_of_work, before)

        async with unit_of_work() as uow:
            left = [await uow.sessions.state(session.id, now()) for session in (*gone, *kept)]
        assert [False, False, True, True, True] == [state is not None for state in left]

    async def test_each_sweep_keeps_to_its_limit_and_of_many_each_row_goes_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, before = await stored_user(unit_of_work), await _cleared(unit_of_work)
        for _ in range(RACERS):
            await stored_session(
                unit_of_work, user, expires_at=before, absolute_expires_at=before - TICK
            )

        assert 2 == await _sweep(unit_of_work, before, limit=2)
        swept = await asyncio.gather(*(_sweep(unit_of_work, before) for _ in range(RACERS)))
        swept.append(await _sweep(unit_of_work, before))

        assert RACERS - 2 == sum(swept)

    async def test_a_row_that_somebody_holds_is_left_for_the_next_sweep(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, before = await stored_user(unit_of_work), await _cleared(unit_of_work)
        held = await stored_session(
            unit_of_work, user, expires_at=before, absolute_expires_at=before - TICK
        )
        async with unit_of_work() as holder:
            assert await holder.sessions.report_reuse(held.id, now())

            assert 0 == await _sweep(unit_of_work, before)

        assert 1 == await _sweep(unit_of_work, before)

    async def test_what_a_rolled_back_sweep_removed_is_there_again(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, before = await stored_user(unit_of_work), await _cleared(unit_of_work)
        await stored_session(
            unit_of_work, user, expires_at=before, absolute_expires_at=before - TICK
        )
        async with unit_of_work() as uow:
            assert 1 == await uow.sessions.sweep(before, 10)

        assert 1 == await _sweep(unit_of_work, before)

    async def test_events_that_happened_before_the_moment_go_and_no_others(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        user_id, before = UserId(fresh_id()), now() - _AGES
        before = before.replace(microsecond=0)
        events = [
            _event(user_id, at)
            for at in (before - 2 * timedelta(seconds=1), before - timedelta(seconds=1), before)
        ]
        async with unit_of_work() as uow:
            await uow.outbox.add([*events, _event(user_id, now())])
            await uow.commit()

        assert [1, 1, 0] == [await _sweep_events(unit_of_work, before, 1) for _ in range(3)]
        assert events[2].id == (await recorded_events(user_id))[0][0]
        assert 2 == len(await recorded_events(user_id))


def _event(user_id: UserId, at: datetime) -> UserCreated:
    return UserCreated(id=EventId(fresh_id(at)), occurred_at=at, user_id=user_id)


async def _cleared(unit_of_work: UnitOfWorkFactory) -> datetime:
    """A moment before which there is nothing left of other tests."""
    before = now() - _AGES
    while await _sweep(unit_of_work, before):
        pass
    return before


async def _sweep(unit_of_work: UnitOfWorkFactory, before: datetime, limit: int = 100) -> int:
    async with unit_of_work() as uow:
        swept = await uow.sessions.sweep(before, limit)
        await uow.commit()
    return swept


async def _sweep_events(unit_of_work: UnitOfWorkFactory, before: datetime, limit: int) -> int:
    async with unit_of_work() as uow:
        swept = await uow.outbox.sweep(before, limit)
        await uow.commit()
    return swept
