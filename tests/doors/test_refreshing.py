"""Refresh rotation: the same through every door."""

import asyncio

import pytest

from tests.doors.door import Door, House, refusal


@pytest.mark.sec("SEC-31")
async def test_twenty_at_once_get_one_token(door: Door, second: Door, name: str) -> None:
    tokens = await door.register(name)

    answers = await asyncio.gather(
        *(each.refresh(tokens.refresh) for _ in range(10) for each in (door, second))
    )

    assert 1 == len({answer.refresh for answer in answers})
    assert {name} == {await door.verify(answer.access) for answer in answers}
    assert await second.refresh(answers[0].refresh)


@pytest.mark.sec("SEC-31")
async def test_a_lost_answer_can_be_asked_for_again(houses: dict[str, House], name: str) -> None:
    """Without any window: the successor has not been used."""
    house = houses["no_window"]
    tokens = await house.door.register(name)
    lost = await house.door.refresh(tokens.refresh)

    again = await house.second.refresh(tokens.refresh)

    assert lost.refresh == again.refresh
    assert name == await house.door.verify(again.access)


@pytest.mark.sec("SEC-30")
async def test_a_stolen_token_ends_the_session(houses: dict[str, House], name: str) -> None:
    house = houses["no_window"]
    stolen = await house.door.register(name)
    bystander = await house.door.log_in(name)
    used = await house.door.refresh(stolen.refresh)
    newest = await house.second.refresh(used.refresh)

    assert "invalid_refresh_token" == await refusal(house.door.refresh(stolen.refresh))

    for door in (house.door, house.second):
        assert "invalid_token" == await refusal(door.verify(newest.access))
        assert "invalid_refresh_token" == await refusal(door.refresh(newest.refresh))
        assert name == await door.verify(bystander.access)


@pytest.mark.sec("SEC-31")
async def test_two_tabs_within_the_window_are_no_theft(door: Door, second: Door, name: str) -> None:
    first = await door.register(name)
    newer = await door.refresh(first.refresh)
    newest = await door.refresh(newer.refresh)

    late = await second.refresh(first.refresh)

    assert newest.refresh == late.refresh


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 5000])
async def test_what_is_no_refresh_token_is_refused(door: Door, token: str) -> None:
    assert "invalid_refresh_token" == await refusal(door.refresh(token))
