"""Seeing and ending sessions: the same through every door."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.doors.door import Door, Seen, refusal


async def test_the_list_is_youngest_first_and_marks_the_one_that_asks(
    door: Door, second: Door, name: str
) -> None:
    first, other = await door.register(name), await second.log_in(name)

    assert [Seen(other.session_id, current=False), Seen(first.session_id, current=True)] == (
        await door.sessions(first.access)
    )


@pytest.mark.sec("SEC-29")
async def test_one_session_is_ended_and_the_others_live(
    door: Door, second: Door, name: str
) -> None:
    own, lost = await door.register(name), await door.log_in(name)
    assert name == await second.verify(lost.access)

    await door.end_session(own.access, lost.session_id)

    assert "invalid_token" == await refusal(second.verify(lost.access))
    assert name == await second.verify(own.access)
    assert "not_found" == await refusal(door.end_session(own.access, lost.session_id))


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_the_session_of_another_is_not_there(door: Door, new_name: Callable[[], str]) -> None:
    own, theirs = await door.register(new_name()), await door.register(new_name())

    for session_id in (theirs.session_id, str(uuid4())):
        assert "not_found" == await refusal(door.end_session(own.access, session_id))
    assert theirs.username == await door.verify(theirs.access)


@pytest.mark.sec("SEC-29")
async def test_ending_the_others_keeps_the_one_that_asks(
    door: Door, second: Door, name: str
) -> None:
    own = await door.register(name)
    others = [await door.log_in(name) for _ in range(3)]
    for other in others:
        assert name == await second.verify(other.access)

    assert 3 == await door.end_others(own.access)

    for other in others:
        assert "invalid_token" == await refusal(second.verify(other.access))
        assert "invalid_refresh_token" == await refusal(second.refresh(other.refresh))
    assert name == await second.verify(own.access)


@pytest.mark.sec("SEC-29")
async def test_ending_everything_refuses_every_older_token_and_no_newer_one(
    door: Door, second: Door, name: str
) -> None:
    older = [await door.register(name), await second.log_in(name)]

    assert 2 == await door.end_all(older[0].access)

    newer = await second.log_in(name)
    assert name == await door.verify(newer.access)
    for tokens in older:
        for each in (door, second):
            assert "invalid_token" == await refusal(each.verify(tokens.access))
            assert "invalid_refresh_token" == await refusal(each.refresh(tokens.refresh))
