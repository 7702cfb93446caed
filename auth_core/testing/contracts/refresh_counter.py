"""The contract of `RefreshCounter`."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions import (
    MAX_RECENT_ROTATIONS,
    EndReason,
    RefreshCounter,
    Rotated,
    Session,
    SessionOrigin,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_session,
    stored_user,
)
from auth_core.testing.contracts.organizing import (
    new_membership,
    stored_membership,
    stored_organization,
)
from auth_core.users import User

WINDOW = timedelta(seconds=10)
IDLE = timedelta(days=7)
TICK = timedelta(microseconds=1)


class RefreshCounterContract:
    """Needs the fixtures ``unit_of_work`` and ``refresh_counter``, both over one migrated store."""

    async def test_it_moves_on_and_answers_with_the_row_as_it_is_stored(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)
        at = now()

        rotated = await _advance(refresh_counter, session, at=at)

        expected = msgspec.structs.replace(
            session,
            refresh_counter=1,
            last_used_at=at,
            expires_at=at + IDLE,
            recent_rotations=(at,),
        )
        assert Rotated(user=user, session=expected) == rotated
        assert expected == await _stored(unit_of_work, session)

    async def test_the_next_token_is_the_only_one_that_moves_it_again(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)
        await _advance(refresh_counter, session)

        assert None is await _advance(refresh_counter, session)
        assert None is await _advance(refresh_counter, session, counter=2)
        rotated = await _advance(refresh_counter, session, counter=1)
        assert rotated is not None
        assert 2 == rotated.session.refresh_counter

    @pytest.mark.sec("SEC-31")
    async def test_of_racing_callers_one_moves_it(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)

        racers = (_advance(refresh_counter, session) for _ in range(RACERS))
        outcomes = await asyncio.gather(*racers)

        assert 1 == sum(outcome is not None for outcome in outcomes)
        stored = await _stored(unit_of_work, session)
        assert 1 == stored.refresh_counter

    @pytest.mark.sec("SEC-50")
    async def test_no_refresh_prolongs_a_session_past_its_absolute_lifetime(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        at = now()
        end = at + timedelta(hours=2)
        _, session = await _signed_in(unit_of_work, absolute_expires_at=end)

        rotated = await _advance(refresh_counter, session, at=at)

        assert rotated is not None
        assert end == rotated.session.expires_at

    @pytest.mark.sec("SEC-50")
    async def test_it_moves_until_the_very_moment_of_expiry(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)

        assert None is await _advance(refresh_counter, session, at=session.expires_at)
        assert await _advance(refresh_counter, session, at=session.expires_at - TICK)

    async def test_rotations_are_remembered_as_long_as_the_window_is_open(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)
        moments = [now() + timedelta(seconds=seconds) for seconds in (0, 4, 9, 14)]

        for counter, at in enumerate(moments):
            rotated = await _advance(refresh_counter, session, counter=counter, at=at)

        assert rotated is not None
        assert tuple(moments[2:]) == rotated.session.recent_rotations[-2:]
        assert moments[0] not in rotated.session.recent_rotations
        assert moments[1] not in rotated.session.recent_rotations  # its window ends at this moment

    async def test_no_more_rotations_are_remembered_than_a_row_can_bear(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)
        at = now()
        moments = [at + index * TICK for index in range(MAX_RECENT_ROTATIONS + 3)]

        for counter, moment in enumerate(moments):
            rotated = await _advance(refresh_counter, session, counter=counter, at=moment)

        assert rotated is not None
        assert tuple(moments[3:]) == rotated.session.recent_rotations

    async def test_rotations_of_a_clock_that_was_set_back_are_forgotten(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)
        at = now()
        await _advance(refresh_counter, session, at=at + WINDOW)

        rotated = await _advance(refresh_counter, session, counter=1, at=at)

        assert rotated is not None
        assert (at,) == rotated.session.recent_rotations

    @pytest.mark.sec("SEC-30")
    async def test_an_ended_session_does_not_move(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)
        async with unit_of_work() as uow:
            await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())
            await uow.commit()

        assert None is await _advance(refresh_counter, session)

    @pytest.mark.sec("SEC-29")
    async def test_the_session_of_an_inactive_user_does_not_move(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)
        async with unit_of_work() as uow:
            await uow.users.update(user.disabled(at=now()))
            await uow.commit()

        assert None is await _advance(refresh_counter, session)

    @pytest.mark.sec("SEC-29")
    async def test_a_session_of_an_earlier_epoch_does_not_move(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)
        async with unit_of_work() as uow:
            await uow.users.begin_epoch(user.id)
            await uow.commit()

        assert None is await _advance(refresh_counter, session)

    @pytest.mark.sec("SEC-34")
    @pytest.mark.parametrize(
        ("bound_to", "presenter"), [("one", None), ("one", "other"), (None, "one")]
    )
    async def test_another_client_does_not_move_it(
        self,
        unit_of_work: UnitOfWorkFactory,
        refresh_counter: RefreshCounter,
        bound_to: str | None,
        presenter: str | None,
    ) -> None:
        _, session = await _signed_in(unit_of_work, origin=SessionOrigin(client_id=bound_to))

        assert None is await _advance(refresh_counter, session, client_id=presenter)
        assert await _advance(refresh_counter, session, client_id=bound_to)

    async def test_nobody_moves_the_session_of_another(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        _, session = await _signed_in(unit_of_work)
        stranger = await stored_user(unit_of_work)

        assert None is await _advance(refresh_counter, session, user_id=stranger.id)
        assert None is await _advance(refresh_counter, session, user_id=UserId(fresh_id()))
        assert None is await _advance(refresh_counter, session, session_id=SessionId(fresh_id()))

    async def test_a_refresh_waits_for_an_ending_and_then_fails(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)

        rotated = await _advance_while(
            unit_of_work,
            refresh_counter,
            session,
            lambda uow: uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now()),
        )

        assert None is rotated

    @pytest.mark.sec("SEC-56")
    async def test_it_tells_what_the_user_was_granted_at_that_moment(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        """Of every organization they are in, and of none that they have left."""
        user, session = await _signed_in(unit_of_work)
        here, left = [await stored_organization(unit_of_work) for _ in range(2)]
        for organization in (here, left):
            await stored_membership(unit_of_work, new_membership(organization, user))

        first = await _advance(refresh_counter, session)
        async with unit_of_work().for_organization(left.id) as uow:
            await uow.memberships.remove(left.id, user.id)
            await uow.commit()
        second = await _advance(refresh_counter, session, counter=1)

        told = [
            {grant.organization_id for grant in each.grants} for each in (first, second) if each
        ]
        assert [{here.id, left.id}, {here.id}] == told

    async def test_a_refresh_waits_for_a_switch_and_goes_on_there(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)
        wanted = OrganizationId(fresh_id())

        async def switch(uow: Any) -> None:
            await uow.sessions.switch(user.id, session.id, wanted, now())

        rotated = await _advance_while(unit_of_work, refresh_counter, session, switch)

        assert rotated is not None
        assert (wanted, 1) == (rotated.session.organization_id, rotated.session.refresh_counter)

    async def test_a_refresh_waits_for_an_ending_of_everything_and_then_fails(
        self, unit_of_work: UnitOfWorkFactory, refresh_counter: RefreshCounter
    ) -> None:
        user, session = await _signed_in(unit_of_work)

        async def end_everything(uow: Any) -> None:
            await uow.users.begin_epoch(user.id)
            await uow.sessions.end_all(user.id, EndReason.REVOKED_ALL, now())

        rotated = await _advance_while(unit_of_work, refresh_counter, session, end_everything)

        assert None is rotated


async def _signed_in(unit_of_work: UnitOfWorkFactory, **changes: Any) -> tuple[User, Session]:
    user = await stored_user(unit_of_work)
    return user, await stored_session(unit_of_work, user, **changes)


async def _stored(unit_of_work: UnitOfWorkFactory, session: Session) -> Session:
    async with unit_of_work() as uow:
        state = await uow.sessions.state(session.id, now())
    assert state is not None
    return state.session


async def _advance(
    refresh_counter: RefreshCounter, session: Session, **changes: Any
) -> Rotated | None:
    return await refresh_counter.advance(
        changes.get("user_id", session.user_id),
        changes.get("session_id", session.id),
        changes.get("counter", session.refresh_counter),
        client_id=changes.get("client_id", session.origin.client_id),
        now=changes.get("at") or now(),
        idle_lifetime=IDLE,
        window=WINDOW,
    )


async def _advance_while(
    unit_of_work: UnitOfWorkFactory,
    refresh_counter: RefreshCounter,
    session: Session,
    change: Callable[[Any], Any],
) -> Rotated | None:
    """Advance while a transaction that has made ``change`` is about to commit."""
    async with unit_of_work() as uow:
        await change(uow)
        advancing = asyncio.create_task(_advance(refresh_counter, session))
        await asyncio.wait([advancing], timeout=0.05)
        await uow.commit()
    return await advancing
