"""The core in memory, as an application's tests use it."""

from datetime import UTC, datetime, timedelta

import pytest

from auth_core.kernel import Unavailable, Username
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.users import Registration


async def test_the_main_job_runs_in_memory():
    core = in_memory_core()

    registered = await core.sign_in.register(
        Registration.parse(username="john.doe", email="john@example.com", display_name="John")
    )
    signed_in = await core.sign_in.log_in(Username.parse("john.doe"))
    principal = await core.authenticator.authenticate(signed_in.tokens.access_token)

    assert registered.user.id == principal.user.id
    assert 2 == principal.state.live_sessions
    assert [
        "user.created",
        "session.created",
        "user.logged_in",
    ] == [event.type for event in core.published[:3]]


async def test_two_cores_of_one_seed_do_the_same():
    """Down to the tokens, so that a failing test fails again."""

    async def run(core: InMemoryCore):
        return await core.sign_in.register(Registration.parse(username="alice"))

    first, second, other = [await run(in_memory_core(seed=seed)) for seed in (1, 1, 2)]

    assert first == second
    assert first.user.id != other.user.id


async def test_the_test_decides_what_time_it_is():
    start = datetime(2030, 1, 1, 12, tzinfo=UTC)
    core = in_memory_core(start=start)

    signed_in = await core.sign_in.register(Registration.parse(username="alice"))

    assert start == signed_in.user.created_at


async def test_two_cores_share_nothing():
    first, second = in_memory_core(), in_memory_core()

    await first.sign_in.register(Registration.parse(username="alice"))

    assert {} == second.store.users
    assert [] == second.published


async def test_published_events_are_a_copy():
    core = in_memory_core()

    core.published.append(None)

    assert [] == core.published


async def test_an_outage_of_storage_can_be_played():
    core = in_memory_core()
    core.store.down = True
    with pytest.raises(Unavailable):
        await core.sign_in.register(Registration.parse(username="alice"))
    core.store.down = False

    assert await core.sign_in.register(Registration.parse(username="alice"))


async def test_sessions_expire_by_the_clock_of_the_test():
    core = in_memory_core()
    signed_in = await core.sign_in.register(Registration.parse(username="alice"))

    core.clock.advance(timedelta(days=7))

    assert None is await core.sessions.state(signed_in.user.id, signed_in.tokens.session_id)
