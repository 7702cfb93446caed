"""Registering, logging in, logging out: the same through every door."""

from collections.abc import Callable

import pytest

from tests.api.asking import PASSWORD
from tests.doors.door import Door, House, refusal

NewName = Callable[[], str]


async def test_the_main_job(door: Door, second: Door, name: str) -> None:
    registered = await door.register(name)
    assert (name, True) == (registered.username, registered.is_admin)
    signed_in = await door.log_in(name)
    assert registered.session_id != signed_in.session_id
    assert [name, name] == [await each.verify(signed_in.access) for each in (door, second)]
    refreshed = await door.refresh(signed_in.refresh)
    assert signed_in.session_id == refreshed.session_id
    assert name == await door.verify(refreshed.access)
    await door.log_out(refreshed.access)

    for each in (door, second):
        assert "invalid_token" == await refusal(each.verify(refreshed.access))
        assert "invalid_token" == await refusal(each.verify(signed_in.access))
        assert "invalid_refresh_token" == await refusal(each.refresh(refreshed.refresh))
        assert name == await each.verify(registered.access)


async def test_names_are_taken_in_any_spelling(door: Door, second: Door, new_name: NewName) -> None:
    name, other = new_name(), new_name()
    await door.register(name, email=f"{name}@example.com")

    assert "username_taken" == await refusal(second.register(name.upper()))
    taken = second.register(other, email=f"{name}@EXAMPLE.com")
    assert "email_taken" == await refusal(taken)
    assert name == (await door.log_in(f"{name}@example.com")).username


@pytest.mark.parametrize("username", ["", "ab", "x" * 51, "a b c", "null\0byte", "a@b"])
async def test_what_is_no_user_name_is_said_so(door: Door, username: str) -> None:
    assert "validation_failed" == await refusal(door.register(username))


async def test_bad_addresses_and_passwords_are_said_so(door: Door, name: str) -> None:
    assert "validation_failed" == await refusal(door.register(name, email="not an address"))
    assert "validation_failed" == await refusal(door.register(name, password="x"))
    assert name == (await door.register(name)).username


@pytest.mark.sec("SEC-01")
async def test_unknown_and_wrong_get_one_answer(door: Door, new_name: NewName) -> None:
    name = new_name()
    await door.register(name, PASSWORD)

    for asking in (
        door.log_in(new_name()),
        door.log_in(new_name(), PASSWORD),
        door.log_in(name),
        door.log_in(name, "wrong horse battery staple"),
    ):
        assert "authentication_failed" == await refusal(asking)
    assert name == (await door.log_in(name, PASSWORD)).username


async def test_outside_development_a_password_is_needed(
    houses: dict[str, House], name: str
) -> None:
    door = houses["passwords"].door
    assert "validation_failed" == await refusal(door.register(name))
    assert "validation_failed" == await refusal(door.register(name, "short"))

    assert not (await door.register(name, PASSWORD)).is_admin
    assert "validation_failed" == await refusal(door.log_in(name))
    assert name == (await door.log_in(name, PASSWORD)).username


async def test_a_closed_house_registers_nobody(houses: dict[str, House], name: str) -> None:
    assert "registration_closed" == await refusal(houses["closed"].door.register(name))


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "x" * 5000])
async def test_what_is_no_access_token_is_refused(door: Door, token: str) -> None:
    assert "invalid_token" == await refusal(door.verify(token))


@pytest.mark.sec("SEC-28")
async def test_neither_token_passes_for_the_other(door: Door, name: str) -> None:
    tokens = await door.register(name)

    assert "invalid_token" == await refusal(door.verify(tokens.refresh))
    assert "invalid_refresh_token" == await refusal(door.refresh(tokens.access))


async def test_an_expired_access_token_is_named_and_can_be_refreshed(
    house: House, name: str
) -> None:
    tokens = await house.expired.register(name)

    assert "token_expired" == await refusal(house.door.verify(tokens.access))
    assert name == await house.door.verify((await house.door.refresh(tokens.refresh)).access)


@pytest.mark.sec("SEC-29")
async def test_a_disabled_user_is_out_at_once(house: House, name: str) -> None:
    tokens = await house.door.register(name)
    assert name == await house.second.verify(tokens.access)

    await house.disable(tokens.user_id)

    for door in (house.door, house.second):
        assert "invalid_token" == await refusal(door.verify(tokens.access))
        assert "invalid_refresh_token" == await refusal(door.refresh(tokens.refresh))
        assert "authentication_failed" == await refusal(door.log_in(name))
