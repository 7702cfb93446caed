"""Logging in: the same answer to everybody who may not."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Options
from auth_core.kernel import (
    AuthenticationFailed,
    Email,
    InvalidInput,
    PermissionDenied,
    Unavailable,
    Username,
)
from auth_core.testing import in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration, UserStatus

ALICE = Registration.parse(username="alice")
NAME = ALICE.username
PASSWORD = "correct horse battery staple"
MODES = ["core", "production"]


@pytest.fixture
def either(request):
    return request.getfixturevalue(request.param)


in_both_modes = pytest.mark.parametrize("either", MODES, indirect=True)


def with_policy(**policy):
    return in_memory_core(Options(sign_in=SignInPolicy(**policy)))


def set_status(core, user, status):
    core.store.users[user.id] = msgspec.structs.replace(core.store.users[user.id], status=status)


def empty(core):
    store = core.store
    return not (store.users or store.password_hashes or store.sessions or store.events)


async def test_in_development_an_account_without_a_password_opens_by_name(core):
    registered = await core.sign_in.register(ALICE)
    core.clock.advance(timedelta(hours=1))

    for name in (NAME, ALICE.email):
        signed_in = await core.sign_in.log_in(name)
        assert registered.user.signed_in(core.clock.now()) == signed_in.user
        assert await core.authenticator.authenticate(signed_in.tokens.access_token)

    assert 3 == len(core.store.sessions)
    assert core.clock.now() == core.store.users[registered.user.id].last_login_at


@in_both_modes
async def test_a_password_opens_its_account_by_name_and_address(either):
    await either.sign_in.register(ALICE, PASSWORD)

    for name in (NAME, ALICE.email, Username.parse("ALICE")):
        assert await either.sign_in.log_in(name, PASSWORD)


@pytest.mark.sec("SEC-04")
async def test_a_password_opens_in_either_form_of_its_letters(production):
    await production.sign_in.register(ALICE, "caf\u00e9 au lait, please")

    assert await production.sign_in.log_in(NAME, "cafe\u0301 au lait, please")
    with pytest.raises(AuthenticationFailed):
        await production.sign_in.log_in(NAME, "cafe au lait, please")


@pytest.mark.sec("SEC-01")
@in_both_modes
@pytest.mark.parametrize("wrong", ["", "wrong", PASSWORD.upper(), PASSWORD + " ", "\ud800", "\0"])
async def test_a_wrong_password_opens_nothing(either, wrong):
    await either.sign_in.register(ALICE, PASSWORD)
    sessions = len(either.store.sessions)

    with pytest.raises(AuthenticationFailed):
        await either.sign_in.log_in(NAME, wrong)

    assert sessions == len(either.store.sessions)


async def test_in_development_an_account_with_a_password_never_opens_without_it(core):
    await core.sign_in.register(ALICE, PASSWORD)

    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(NAME)
    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(NAME, "")


async def test_in_production_an_account_without_a_password_never_opens(production):
    """Not even with any password: there is nothing that it could match."""
    await production.accounts.create(ALICE)

    with pytest.raises(InvalidInput):
        await production.sign_in.log_in(NAME)
    for password in ("", PASSWORD, "dummy"):
        with pytest.raises(AuthenticationFailed):
            await production.sign_in.log_in(NAME, password)


async def test_in_production_a_login_needs_a_password(production):
    await production.sign_in.register(ALICE, PASSWORD)

    with pytest.raises(InvalidInput) as caught:
        await production.sign_in.log_in(NAME)

    assert "missing" == caught.value.problems[0].type


async def failure(core, name, password):
    """What a refused login says, and what it cost."""
    hashed, verified, begun = core.hasher.hashed, core.hasher.verified, core.store.begun
    with pytest.raises(AuthenticationFailed) as caught:
        await core.sign_in.log_in(name, password)
    cost = core.hasher.hashed - hashed, core.hasher.verified - verified, core.store.begun - begun
    return type(caught.value), caught.value.message, caught.value.code, cost


@pytest.mark.sec("SEC-01")
@in_both_modes
@pytest.mark.parametrize("password", [PASSWORD, "wrong password", "", "x" * 2000, "\ud800"])
async def test_unknown_wrong_and_inactive_cannot_be_told_apart(either, password):
    """Same error, same text, same number of hashes and of transactions."""
    await either.keys.ring()
    expected = await failure(either, Username.parse("stranger"), password)
    right = password == PASSWORD

    await either.sign_in.register(ALICE, PASSWORD if not right else "some other password")
    assert expected == await failure(either, NAME, password)
    assert expected == await failure(either, ALICE.email, password)
    assert expected == await failure(either, Email.parse("stranger@example.com"), password)
    for status in (UserStatus.DISABLED, UserStatus.DELETED, UserStatus.PENDING):
        registration = Registration.parse(username=f"user-{status}")
        user = (await either.sign_in.register(registration, PASSWORD)).user
        set_status(either, user, status)
        assert expected == await failure(either, registration.username, password)


@pytest.mark.sec("SEC-01")
async def test_a_real_attempt_costs_one_verification(production):
    stranger = await failure(production, Username.parse("stranger"), PASSWORD)

    assert (0, 1) == stranger[-1][:2]


@pytest.mark.sec("SEC-01")
async def test_in_development_without_a_password_unknown_and_inactive_are_alike(core):
    user = (await core.sign_in.register(ALICE)).user
    set_status(core, user, UserStatus.DISABLED)

    stranger = await failure(core, Username.parse("stranger"), None)

    assert stranger == await failure(core, NAME, None)


@pytest.mark.sec("SEC-01")
@in_both_modes
async def test_a_refused_login_changes_no_user_and_no_session(either):
    await either.sign_in.register(ALICE, PASSWORD)
    users, sessions = dict(either.store.users), dict(either.store.sessions)

    await failure(either, NAME, "wrong password")

    assert (users, sessions) == (either.store.users, either.store.sessions)


@pytest.mark.sec("SEC-01")
@in_both_modes
async def test_a_login_under_an_unknown_name_writes_nothing(either):
    await failure(either, Username.parse("stranger"), "wrong password")

    assert empty(either)
    assert [] == either.audited


async def test_with_passwords_turned_off_nobody_registers_or_logs_in_by_one():
    core = with_policy(passwords=False)
    with pytest.raises(PermissionDenied):
        await core.sign_in.register(ALICE, PASSWORD)
    assert {} == core.store.users

    for password in (PASSWORD, "wrong", None):
        with pytest.raises(PermissionDenied):
            await core.sign_in.log_in(NAME, password)

    assert 0 == core.hasher.verified


async def test_in_development_names_open_accounts_also_with_passwords_turned_off():
    core = with_policy(development=True, passwords=False)
    await core.sign_in.register(ALICE)

    assert await core.sign_in.log_in(NAME)


@pytest.mark.parametrize("step", ["sessions.add", "users.record_login", "outbox.add", "commit"])
async def test_a_login_that_fails_leaves_no_session(production, step):
    await production.sign_in.register(ALICE, PASSWORD)
    before = (dict(production.store.sessions), dict(production.store.users), production.published)

    def crash(statement):
        if statement == step:
            raise Unavailable

    production.store.on_statement = crash
    with pytest.raises(Unavailable):
        await production.sign_in.log_in(NAME, PASSWORD)
    production.store.on_statement = None

    after = (dict(production.store.sessions), dict(production.store.users), production.published)
    assert before == after
    assert await production.sign_in.log_in(NAME, PASSWORD)


async def test_parallel_logins_each_get_a_session_of_their_own(production):
    await production.sign_in.register(ALICE, PASSWORD)

    logins = await asyncio.gather(*(production.sign_in.log_in(NAME, PASSWORD) for _ in range(10)))

    assert 10 == len({signed_in.tokens.session_id for signed_in in logins})
    principal = await production.authenticator.authenticate(logins[-1].tokens.access_token)
    assert 11 == principal.state.live_sessions


@pytest.mark.sec("SEC-67")
async def test_a_sign_in_shows_no_secret(production):
    signed_in = await production.sign_in.register(ALICE, PASSWORD)
    (password_hash,) = production.store.password_hashes.values()
    shown = f"{signed_in!r} {signed_in} {production.store.password_hashes!r}"

    for secret in (
        PASSWORD,
        password_hash.reveal(),
        signed_in.tokens.access_token,
        signed_in.tokens.refresh_token,
    ):
        assert secret not in shown


@pytest.mark.sec("SEC-67")
async def test_what_is_published_holds_no_secret_and_no_name(production):
    registration = Registration.parse(
        username="canary", email="canary@example.com", display_name="Canary"
    )
    await production.sign_in.register(registration, "a long way to nowhere")

    document = msgspec.json.encode(production.published).decode()

    assert "canary" not in document.lower()
