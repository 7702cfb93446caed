"""What is over goes when its time has come, and nothing else ever does."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from auth_core.core import Options
from auth_core.kernel import Email, Unavailable
from auth_core.sessions import EndReason, RetentionPolicy, Swept, retention
from auth_core.testing import in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration

DAY = timedelta(days=1)
KEPT = 30 * DAY


async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"))


async def test_an_ended_session_goes_after_its_retention_and_is_recognised_until_then(core):
    tokens = (await signed_in(core)).tokens
    (session,) = core.store.sessions.values()
    await core.sessions.end(session.user_id, session.id, EndReason.LOGOUT)

    core.clock.advance(KEPT)
    assert Swept(sessions=0, events=0) == await core.retention.sweep()
    assert {session.id} == set(core.store.sessions)

    core.clock.advance(timedelta(microseconds=1))
    assert Swept(sessions=1, events=4) == await core.retention.sweep()
    assert ({}, []) == (core.store.sessions, core.published)
    assert tokens


async def test_a_session_that_nobody_ended_goes_too(core):
    await signed_in(core)

    core.clock.advance(30 * DAY + KEPT + DAY)
    await core.retention.sweep()

    assert {} == core.store.sessions


async def test_many_batches_are_one_sweep(core, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    user = (await signed_in(core)).user
    for _ in range(5):
        await core.sign_in.log_in(user.username)
    await core.sessions.end_all(user.id, EndReason.REVOKED_ALL)
    core.clock.advance(KEPT + DAY)

    swept = await core.retention.sweep()

    assert 6 == swept.sessions
    assert [] == core.published


async def test_a_sweep_that_is_cut_off_is_finished_by_the_next(core, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    user = (await signed_in(core)).user
    await core.sign_in.log_in(user.username)
    await core.sessions.end_all(user.id, EndReason.REVOKED_ALL)
    core.clock.advance(KEPT + DAY)
    commits = iter([False, True])

    def crash(statement):
        if statement == "commit" and next(commits, False):
            raise Unavailable

    core.store.on_statement = crash
    try:
        await core.retention.sweep()
    except Unavailable:
        assert 1 == len(core.store.sessions)
    core.store.on_statement = None

    assert 1 == (await core.retention.sweep()).sessions
    assert {} == core.store.sessions


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    lives=st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 40)), max_size=6),
    kept=st.integers(1, 40),
    after=st.integers(0, 120),
)
async def test_after_a_sweep_exactly_what_is_not_over_long_enough_is_left(lives, kept, after):
    """The invariant: "after X the row is gone", and before it is there."""
    options = Options(
        sign_in=SignInPolicy(development=True),
        retention=RetentionPolicy(sessions=kept * DAY, events=kept * DAY),
    )
    core = in_memory_core(options)
    began = core.clock.now()
    user = (await signed_in(core)).user
    (first,) = core.store.sessions
    over = {first: began + options.session_lifetime}
    for start, ended in lives:
        core.clock.set(began + start * DAY)
        session_id = (await core.sign_in.log_in(user.username)).tokens.session_id
        over[session_id] = core.clock.now() + options.session_lifetime
        if ended is not None and ended < 7:
            core.clock.advance(ended * DAY)
            await core.sessions.end(user.id, session_id, EndReason.LOGOUT)
            over[session_id] = core.clock.now()
    core.clock.set(began + 100 * DAY + after * DAY)

    await core.retention.sweep()

    before = core.clock.now() - kept * DAY
    assert {one for one, at in over.items() if at >= before} == set(core.store.sessions)
    assert [] == [event for event in core.published if event.occurred_at < before]


async def test_a_sweep_takes_the_links_and_codes_that_have_expired():
    core = in_memory_core()
    for name in ("one", "two"):
        await core.self_service.reset_password.send(Email(f"{name}@example.com"))
        core.clock.advance(timedelta(minutes=20))
    core.clock.advance(timedelta(minutes=1))

    swept = await core.retention.sweep()

    assert (1, 1) == (swept.one_time_secrets, len(core.store.one_time_secrets))
