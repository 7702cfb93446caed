"""Many who want the same: one gets it, the others learn so (SEC-61)."""

import asyncio
from collections.abc import Callable
from unicodedata import normalize

import pytest

from adapters.postgres import PostgresUnitOfWork
from auth_core.kernel import Email, EmailTaken, Username, UsernameTaken
from auth_core.sessions import EndReason
from auth_core.testing.contracts.making import (
    fresh_name,
    new_user,
    now,
    stored_session,
    stored_user,
    user_created,
)
from auth_core.testing.contracts.organizing import stored_organization

UnitOfWork = Callable[[], PostgresUnitOfWork]


@pytest.mark.sec("SEC-61")
async def test_of_fifty_spellings_of_one_identity_one_becomes_an_account(
    unit_of_work: UnitOfWork, observer
) -> None:
    name = fresh_name()
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in name)
    spellings = [name, name.upper(), name.title(), wide, normalize("NFKC", wide).upper()] * 10

    async def register(spelling: str) -> None:
        user = new_user(
            username=Username.parse(spelling), email=Email.parse(f"{spelling}@Example.COM")
        )
        async with unit_of_work() as uow:
            await uow.users.add(user)
            await uow.outbox.add([user_created(user.id)])
            await uow.commit()

    outcomes = await asyncio.gather(*map(register, spellings), return_exceptions=True)

    assert 50 == len(outcomes)
    assert 1 == outcomes.count(None)
    assert 49 == sum(isinstance(each, (UsernameTaken, EmailTaken)) for each in outcomes)
    ids = [row[0] for row in await observer.fetch("SELECT id FROM users WHERE username=$1", name)]
    assert 1 == len(ids)
    assert 1 == await observer.fetchval("SELECT count(*) FROM outbox WHERE user_id = ANY($1)", ids)


async def test_members_who_switch_to_an_organization_do_not_wait_for_each_other(
    unit_of_work: UnitOfWork,
) -> None:
    organization = await stored_organization(lambda: unit_of_work().for_platform())

    async with unit_of_work().for_organization(organization.id) as one:
        assert organization == await one.organizations.hold_with_others(organization.id)
        async with asyncio.timeout(30), unit_of_work().for_organization(organization.id) as two:
            assert organization == await two.organizations.hold_with_others(organization.id)


async def test_of_twenty_callers_one_ends_a_session_and_all_count_right(
    unit_of_work: UnitOfWork,
) -> None:
    user = await stored_user(unit_of_work)
    session, _ = [await stored_session(unit_of_work, user) for _ in range(2)]

    async def end() -> tuple[bool, int]:
        async with unit_of_work() as uow:
            ending = await uow.sessions.end(user.id, session.id, EndReason.LOGOUT, now())
            await uow.commit()
        return ending.ended, ending.live_sessions

    outcomes = await asyncio.gather(*(end() for _ in range(20)))

    assert [(False, 1)] * 19 + [(True, 1)] == sorted(outcomes)


async def test_a_taken_name_is_named_before_a_taken_address_whichever_index_is_older(
    unit_of_work: UnitOfWork, observer
) -> None:
    """A restored dump makes the constraints in another order than the migration did."""
    await observer.execute(
        "ALTER TABLE users DROP CONSTRAINT uq_users_username, "
        "ADD CONSTRAINT uq_users_username UNIQUE (username)"
    )
    user = await stored_user(unit_of_work)

    twin = new_user(username=user.username, email=user.email)
    async with unit_of_work() as uow:
        with pytest.raises(UsernameTaken):
            await uow.users.add(twin)
