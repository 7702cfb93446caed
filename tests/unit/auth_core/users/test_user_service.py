"""Creating accounts and keeping profiles."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.kernel import ConcurrentUpdate, Unavailable, UserId, UsernameTaken, UserNotFound
from auth_core.testing.contracts.making import fresh_id
from auth_core.users import Registration, UserCreated, UserUpdated


async def create(core, name="alice", **options):
    async with core.unit_of_work() as uow:
        user = await core.users.create(uow, Registration.parse(username=name), **options)
        await uow.commit()
    return user


async def test_a_new_account_is_active_and_announced(core):
    user = await create(core)

    assert core.store.users == {user.id: user}
    assert user.is_active
    assert (("user",), False, False, 1, core.clock.now(), core.clock.now(), None) == (
        user.roles,
        user.is_dev_user,
        user.email_verified,
        user.version,
        user.created_at,
        user.updated_at,
        user.last_login_at,
    )
    (event,) = core.published
    assert (UserCreated, user.id, core.clock.now()) == (
        type(event),
        event.user_id,
        event.occurred_at,
    )


async def test_an_account_is_created_by_the_callers_commit(core):
    async with core.unit_of_work() as uow:
        await core.users.create(uow, Registration.parse(username="alice"))

    assert {} == core.store.users
    assert [] == core.published


@pytest.mark.sec("SEC-61")
async def test_of_fifty_registrations_in_all_spellings_one_wins(core):
    spellings = ["John.Doe", "JOHN.DOE", "ｊｏｈｎ．ｄｏｅ", "john.doe", "𝐣𝐨𝐡𝐧.𝐝𝐨𝐞"] * 10  # noqa: RUF001

    outcomes = await asyncio.gather(
        *(create(core, name) for name in spellings), return_exceptions=True
    )

    assert 49 == sum(isinstance(outcome, UsernameTaken) for outcome in outcomes)
    assert 1 == len(core.store.users) == len(core.published)


async def test_a_rename_is_stored_and_announced_without_the_name(core):
    user = await create(core)
    core.clock.advance(timedelta(hours=1))

    renamed = await core.users.rename(user.id, "Alice L.")

    assert user.renamed("Alice L.", at=core.clock.now()) == renamed
    assert renamed == core.store.users[user.id]
    event = core.published[-1]
    assert isinstance(event, UserUpdated)
    assert ("display_name",) == event.fields
    assert "Alice" not in repr(event)


async def test_a_rename_of_a_stranger_is_refused(core):
    with pytest.raises(UserNotFound):
        await core.users.rename(UserId(fresh_id()), "Nobody")

    assert [] == core.published


async def test_of_racing_renames_one_wins(core):
    user = await create(core)

    outcomes = await asyncio.gather(
        *(core.users.rename(user.id, f"Name {number}") for number in range(5)),
        return_exceptions=True,
    )

    assert 4 == sum(isinstance(outcome, ConcurrentUpdate) for outcome in outcomes)
    assert 2 == core.store.users[user.id].version == len(core.published)


async def test_a_rename_is_seen_by_the_sessions_of_the_user(core):
    signed_in = await core.sign_in.register(Registration.parse(username="alice"))
    token = signed_in.tokens.access_token
    await core.authenticator.authenticate(token)

    await core.users.rename(signed_in.user.id, "Alice L.")

    assert "Alice L." == (await core.authenticator.authenticate(token)).user.display_name


async def test_a_rename_while_storage_is_down_changes_nothing(core):
    user = await create(core)
    core.store.down = True

    with pytest.raises(Unavailable):
        await core.users.rename(user.id, "Alice L.")

    assert user == core.store.users[user.id]


async def test_pages_go_through_everybody_in_order(core):
    users = []
    for number in range(5):
        users.append(await create(core, f"user-{number}"))
        core.clock.advance(timedelta(milliseconds=1))

    first = await core.users.page(limit=3)
    second = await core.users.page(after=first[-1].id, limit=3)

    assert users == first + second
    assert users == await core.users.page()
