"""When a session lives."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.sessions import EndReason, SessionState
from auth_core.testing.contracts.making import new_session, new_user, now
from auth_core.users import UserStatus

TICK = timedelta(microseconds=1)


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize(
    ("offset", "live"),
    [
        (timedelta(hours=-2), True),
        (timedelta(seconds=-1), True),
        (-TICK, True),
        (timedelta(0), False),
        (TICK, False),
        (timedelta(seconds=1), False),
    ],
)
def test_a_session_lives_until_its_very_last_moment(offset, live):
    session = new_session(new_user())

    assert live == session.is_live(session.expires_at + offset)


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize("offset", [timedelta(days=-400), timedelta(0), timedelta(days=400)])
def test_an_ended_session_is_dead_at_any_time(offset):
    session = new_session(new_user(), ended_at=now(), end_reason=EndReason.LOGOUT)

    assert not session.is_live(now() + offset)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("status", UserStatus)
@pytest.mark.parametrize("live", [True, False])
def test_a_live_session_of_an_active_user_is_admitted(status, live):
    user = new_user(status=status)
    session = new_session(user)
    if not live:
        session = msgspec.structs.replace(session, expires_at=now())
    state = SessionState(session=session, user=user, live_sessions=1)

    assert (live and status is UserStatus.ACTIVE) == state.admits(now())
