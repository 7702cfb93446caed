"""Accounts and their passwords, from the proof of an address on: the same through every door."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from auth_core.kernel import MailTemplate
from tests.api.asking import PASSWORD
from tests.doors.door import Door, House, Refused, Tokens, refusal

NEW_PASSWORD = "an altogether different sentence"
NewName = Callable[[], str]


@pytest.fixture
def house(houses: dict[str, House]) -> House:
    """Outside development, where addresses are proven."""
    return houses["verified"]


@pytest.fixture
async def somebody(house: House, name: str) -> Tokens:
    """Signed in, with an address that is proven."""
    return await registered(house, name)


async def registered(house: House, name: str) -> Tokens:
    email = f"{name}@example.com"
    await house.door.ask_to_register(name, PASSWORD, email)
    token = await house.mailbox.token(email, MailTemplate.VERIFY_REGISTRATION)
    return await house.door.take_registration(token)


async def signs_in(house: House, name: str, password: str) -> bool:
    """Whether the password opens the account, at both workers alike."""
    answers = {await opens(door, name, password) for door in (house.door, house.second)}
    (answer,) = answers
    return answer


async def opens(door: Door, name: str, password: str) -> bool:
    try:
        return (await door.log_in(name, password)).username == name
    except Refused as refused:
        if refused.code != "authentication_failed":
            raise
        return False


async def is_out(house: House, tokens: Tokens) -> None:
    for door in (house.door, house.second):
        assert "invalid_token" == await refusal(door.verify(tokens.access))
        assert "invalid_refresh_token" == await refusal(door.refresh(tokens.refresh))


@pytest.mark.sec("SEC-02", "SEC-16")
async def test_an_account_is_there_once_its_address_is_proven(house: House, name: str) -> None:
    email = f"{name}@example.com"
    await house.door.ask_to_register(name, PASSWORD, email)
    token = await house.mailbox.token(email, MailTemplate.VERIFY_REGISTRATION)
    assert not await signs_in(house, name, PASSWORD)

    tokens = await house.second.take_registration(token)

    assert (name, False) == (tokens.username, tokens.is_admin)
    assert name == await house.door.verify(tokens.access)
    assert await signs_in(house, name, PASSWORD)
    assert "invalid_or_expired_link" == await refusal(house.door.take_registration(token))
    await house.door.ask_to_register(
        name, NEW_PASSWORD, email
    )  # the owner is told, and nobody else
    assert await house.mailbox.newest(email, MailTemplate.REGISTRATION_EXISTS)
    assert not await signs_in(house, name, NEW_PASSWORD)


@pytest.mark.sec("SEC-16", "SEC-18", "SEC-29")
async def test_a_forgotten_password_is_replaced_once_and_every_session_ends(
    house: House, somebody: Tokens, new_name: NewName
) -> None:
    name = somebody.username
    await house.second.forgot(new_name())  # answered as if there was one
    await house.door.forgot(name)
    first = await house.mailbox.token(f"{name}@example.com", MailTemplate.RESET_PASSWORD)
    await house.door.forgot(f"{name}@example.com")
    token = await house.mailbox.token(f"{name}@example.com", MailTemplate.RESET_PASSWORD)

    assert "invalid_or_expired_link" == await refusal(house.door.reset(first, NEW_PASSWORD))
    assert "validation_failed" == await refusal(house.door.reset(token, "password"))
    await house.second.reset(token, NEW_PASSWORD)

    assert "invalid_or_expired_link" == await refusal(house.door.reset(token, PASSWORD))
    await is_out(house, somebody)
    assert (False, True) == (
        await signs_in(house, name, PASSWORD),
        await signs_in(house, name, NEW_PASSWORD),
    )


@pytest.mark.sec("SEC-23", "SEC-29")
async def test_a_changed_password_ends_every_session_but_the_new_one(
    house: House, somebody: Tokens
) -> None:
    name, door = somebody.username, house.door
    other = await house.second.log_in(name, PASSWORD)
    wrong = door.change_password(somebody.access, "wrong horse battery", NEW_PASSWORD)
    assert "reauthentication_failed" == await refusal(wrong)
    weak = door.change_password(somebody.access, PASSWORD, name * 2)
    assert "validation_failed" == await refusal(weak)

    changed = await door.change_password(somebody.access, PASSWORD, NEW_PASSWORD)

    for tokens in (somebody, other):
        await is_out(house, tokens)
    assert [name, name] == [await each.verify(changed.access) for each in (door, house.second)]
    assert (False, True) == (
        await signs_in(house, name, PASSWORD),
        await signs_in(house, name, NEW_PASSWORD),
    )


@pytest.mark.sec("SEC-29", "SEC-57")
async def test_an_administrator_shuts_somebody_out_and_lets_them_in_again(
    house: House, somebody: Tokens, new_name: NewName
) -> None:
    name, chief = somebody.username, new_name()
    await house.hire(chief, PASSWORD)
    admin = await house.door.log_in(chief, PASSWORD)
    other = await registered(house, new_name())
    by_another = house.door.shut_out(other.access, somebody.user_id)
    assert "permission_denied" == await refusal(by_another)
    absent = house.door.shut_out(admin.access, str(uuid4()))
    assert "user_not_found" == await refusal(absent)

    await house.door.shut_out(admin.access, somebody.user_id)

    await is_out(house, somebody)
    assert not await signs_in(house, name, PASSWORD)
    await house.second.let_in(admin.access, somebody.user_id)
    assert await signs_in(house, name, PASSWORD)
    await is_out(house, somebody)
