"""Changes to an account that end its sessions (SEC-29)."""

import asyncio

import pytest

from auth_core.credentials import parse_password
from auth_core.kernel import (
    AuthenticationFailed,
    InvalidRefreshToken,
    InvalidToken,
    LifecycleConflict,
    Unavailable,
    UserId,
    UserNotFound,
)
from auth_core.sessions import EndReason
from auth_core.testing.contracts.making import fresh_id
from auth_core.users import Registration, UserStatus

pytestmark = pytest.mark.usefixtures("another_administrator")

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"), PASSWORD)


@pytest.fixture
def user_id(signed_in):
    return signed_in.user.id


async def is_dead(core, signed_in):
    for use in (
        core.authenticator.authenticate(signed_in.tokens.access_token),
        core.refresh.redeem(signed_in.tokens.refresh_token),
    ):
        with pytest.raises((InvalidToken, InvalidRefreshToken)):
            await use


def changes():
    return [
        pytest.param(
            lambda core, user: core.lifecycle.disable(user), "user.disabled", id="disable"
        ),
        pytest.param(lambda core, user: core.lifecycle.delete(user), "user.deleted", id="delete"),
        pytest.param(
            lambda core, user: core.lifecycle.set_roles(user, ("user",)),
            "user.updated",
            id="role loss",
        ),
        pytest.param(
            lambda core, user: core.lifecycle.set_password(user, parse_password(PASSWORD * 2)),
            "user.password_changed",
            id="password",
        ),
    ]


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize(("change", "event"), changes())
async def test_every_session_ends_in_the_commit_of_the_change(
    core, signed_in, user_id, change, event
):
    other = await core.sign_in.log_in(signed_in.user.username, PASSWORD)
    for one in (signed_in, other):
        assert await core.authenticator.authenticate(one.tokens.access_token)

    await change(core, user_id)

    for one in (signed_in, other):
        await is_dead(core, one)
        await is_dead(core.another_worker(), one)
    types = [published.type for published in core.published]
    assert 1 == types.count(event)
    assert 2 == types.count("session.revoked")


@pytest.mark.sec("SEC-29", "SEC-33")
@pytest.mark.parametrize(("change", "event"), changes())
@pytest.mark.parametrize("step", ["sessions.end_all", "outbox.add", "commit"])
async def test_a_crash_half_way_changes_nothing(core, signed_in, user_id, change, event, step):
    before = core.store.users[user_id]

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await change(core, user_id)
    core.store.on_statement = None

    assert before == core.store.users[user_id]
    assert event not in [published.type for published in core.published]
    assert await core.authenticator.authenticate(signed_in.tokens.access_token)


async def test_a_disabled_user_comes_back_without_their_sessions(core, signed_in, user_id):
    await core.lifecycle.disable(user_id)
    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(signed_in.user.username, PASSWORD)

    enabled = await core.lifecycle.enable(user_id)

    assert UserStatus.ACTIVE is enabled.status
    await is_dead(core, signed_in)
    assert await core.sign_in.log_in(signed_in.user.username, PASSWORD)


async def test_a_gained_role_keeps_the_sessions(core, signed_in, user_id):
    await core.lifecycle.set_roles(user_id, ("admin", "auditor"))

    principal = await core.authenticator.authenticate(signed_in.tokens.access_token)
    assert ("admin", "auditor") == principal.user.roles


async def test_the_old_password_opens_nothing_any_more(core, signed_in, user_id):
    await core.lifecycle.set_password(user_id, parse_password("another long password"))

    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(signed_in.user.username, PASSWORD)
    assert await core.sign_in.log_in(signed_in.user.username, "another long password")


async def test_what_cannot_be_is_refused(core, user_id):
    await core.lifecycle.delete(user_id)
    stranger = UserId(fresh_id())

    for refused in (core.lifecycle.enable, core.lifecycle.disable, core.lifecycle.delete):
        with pytest.raises(LifecycleConflict):
            await refused(user_id)
        with pytest.raises(UserNotFound):
            await refused(stranger)
    with pytest.raises(UserNotFound):
        await core.lifecycle.set_roles(stranger, ())
    with pytest.raises(UserNotFound):
        await core.lifecycle.set_password(stranger, parse_password(PASSWORD))


@pytest.mark.sec("SEC-29")
async def test_a_sign_in_under_way_does_not_survive_the_end_of_everything(core, signed_in, user_id):
    """It had read the account before; whatever the order, no session of before is left."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    statements = core.store

    async def log_in():
        return await core.sign_in.log_in(signed_in.user.username, PASSWORD)

    original = core.hasher.verify

    async def slow_verify(password, password_hash):
        reached.set()
        await go_on.wait()
        return await original(password, password_hash)

    core.hasher.verify = slow_verify
    login = asyncio.create_task(log_in())
    await reached.wait()
    await core.sessions.end_all(user_id, EndReason.REVOKED_ALL)
    go_on.set()

    with pytest.raises(Unavailable):
        await login
    assert [True] == [session.ended_at is not None for session in statements.sessions.values()]
