"""The contract of `SessionRepository`: who acts in a session, where, and how lately proved."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions import EndReason, Session, Switched
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_session,
    stored_user,
)


class SessionStandingContract:
    """The part of `SessionRepositoryContract` about `prove`, `switch`, `end_impersonations`."""

    async def test_who_is_signed_in_is_listed_once_in_order_and_page_by_page(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        users = sorted([await stored_user(unit_of_work) for _ in range(5)], key=lambda one: one.id)
        first, ended, second, expired, third = users
        for user in (first, second, third, first):
            await stored_session(unit_of_work, user)
        await stored_session(unit_of_work, ended, ended_at=at, end_reason=EndReason.LOGOUT)
        await stored_session(unit_of_work, expired, expires_at=at)
        before = UserId(UUID(int=first.id.int - 1))

        async with unit_of_work() as uow:
            found = await uow.sessions.users_with_live(at, limit=10**6)
            page = await uow.sessions.users_with_live(at, after=before, limit=1)
            rest = await uow.sessions.users_with_live(at, after=first.id, limit=10**6)

        ours = {user.id for user in users}
        assert [first.id, second.id, third.id] == [one for one in found if one in ours]
        assert [first.id] == page
        assert [second.id, third.id] == [one for one in rest if one in ours]

    @pytest.mark.sec("SEC-24")
    async def test_a_proof_is_kept(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user, amr=("pwd",))
        at = now()

        async with unit_of_work() as uow:
            proved = await uow.sessions.prove(user.id, session.id, at, ("otp", "pwd"))
            await uow.commit()

        assert proved is not None
        assert (at, ("otp", "pwd")) == (proved.authenticated_at, proved.amr)
        assert proved == await _read(unit_of_work, session.id)

    @pytest.mark.sec("SEC-24")
    @pytest.mark.parametrize("wrong", ["another user", "ended", "expired", "impersonated"])
    async def test_a_session_that_may_not_is_not_proved(
        self, unit_of_work: UnitOfWorkFactory, wrong: str
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        at = now()
        cases: dict[str, dict[str, Any]] = {
            "another user": {},
            "ended": {"ended_at": at, "end_reason": EndReason.LOGOUT},
            "expired": {"expires_at": at},
            "impersonated": {"impersonator_id": other.id, "impersonation_reason": "ticket"},
        }
        session = await stored_session(unit_of_work, user, **cases[wrong])
        owner = other if wrong == "another user" else user

        async with unit_of_work() as uow:
            assert None is await uow.sessions.prove(owner.id, session.id, at, ("pwd",))
            await uow.commit()

        assert session == await _read(unit_of_work, session.id)

    async def test_another_organization_is_chosen_and_the_one_before_told(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        one, two = OrganizationId(fresh_id()), OrganizationId(fresh_id())

        switched = [
            await _switch(unit_of_work, user.id, session.id, wanted)
            for wanted in (one, two, two, None)
        ]

        assert [None, one, two, two] == [each and each.previous for each in switched]
        expected = [
            msgspec.structs.replace(session, organization_id=each) for each in (one, two, two, None)
        ]
        assert expected == [each and each.session for each in switched]
        assert expected[-1] == await _read(unit_of_work, session.id)

    @pytest.mark.parametrize("wrong", ["another user", "ended", "expired"])
    async def test_a_session_that_is_over_or_anothers_switches_nowhere(
        self, unit_of_work: UnitOfWorkFactory, wrong: str
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        at = now()
        cases: dict[str, dict[str, Any]] = {
            "another user": {},
            "ended": {"ended_at": at, "end_reason": EndReason.LOGOUT},
            "expired": {"expires_at": at},
        }
        session = await stored_session(unit_of_work, user, **cases[wrong])
        owner = other if wrong == "another user" else user
        wanted = OrganizationId(fresh_id())

        assert None is await _switch(unit_of_work, owner.id, session.id, wanted, at)
        assert session == await _read(unit_of_work, session.id)

    async def test_of_racing_switches_each_sees_the_one_before(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """So that the trail tells one story."""
        user = await stored_user(unit_of_work)
        session = await stored_session(unit_of_work, user)
        wanted = [OrganizationId(fresh_id()) for _ in range(RACERS)]

        switched = await asyncio.gather(
            *(_switch(unit_of_work, user.id, session.id, each) for each in wanted)
        )

        stored = await _read(unit_of_work, session.id)
        assert stored is not None
        assert {None, *wanted} - {stored.organization_id} == {
            each.previous for each in switched if each is not None
        }

    @pytest.mark.sec("SEC-57", "SEC-70")
    async def test_what_an_administrator_does_for_others_ends_and_nothing_else(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        admin = UserId(fresh_id())
        for_them = {"impersonator_id": admin, "impersonation_reason": "ticket 1"}
        one, two = [
            await stored_session(unit_of_work, whose, **for_them) for whose in (user, other)
        ]
        own = await stored_session(unit_of_work, user)
        by_another = await stored_session(unit_of_work, user, impersonator_id=UserId(fresh_id()))
        over = await stored_session(unit_of_work, user, **for_them, expires_at=now())
        at = now() + timedelta(milliseconds=1)

        async with unit_of_work() as uow:
            ended = await uow.sessions.end_impersonations(admin, EndReason.USER_DISABLED, at)
            await uow.commit()

        assert {(user.id, one.id, at), (other.id, two.id, at)} == {
            (each.user_id, each.session_id, each.ended_at) for each in ended
        }
        for session in (own, by_another, over):
            assert session == await _read(unit_of_work, session.id)
        async with unit_of_work() as uow:
            again = await uow.sessions.end_impersonations(admin, EndReason.USER_DISABLED, at)
        assert [] == again


async def _switch(
    unit_of_work: UnitOfWorkFactory,
    user_id: UserId,
    session_id: SessionId,
    organization_id: OrganizationId | None,
    at: datetime | None = None,
) -> Switched | None:
    async with unit_of_work() as uow:
        switched = await uow.sessions.switch(user_id, session_id, organization_id, at or now())
        await uow.commit()
    return switched


async def _read(unit_of_work: UnitOfWorkFactory, session_id: SessionId) -> Session | None:
    async with unit_of_work() as uow:
        state = await uow.sessions.state(session_id, now())
    return None if state is None else state.session
