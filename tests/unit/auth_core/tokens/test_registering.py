"""Registering: an account and its first session in one commit."""

import asyncio

import msgspec
import pytest

from auth_core.core import Options
from auth_core.kernel import (
    AuthenticationFailed,
    EmailTaken,
    InvalidInput,
    RegistrationClosed,
    Unavailable,
    Username,
    UsernameTaken,
)
from auth_core.testing import in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration

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


async def test_in_development_a_name_is_enough_to_become_an_admin(core):
    signed_in = await core.sign_in.register(ALICE)

    user = signed_in.user
    assert (("admin",), True, NAME) == (user.roles, user.is_dev_user, user.username)
    assert {} == core.store.password_hashes
    assert (await core.authenticator.authenticate(signed_in.tokens.access_token)).user == user


async def test_in_production_a_new_user_is_a_user_with_a_password(production):
    signed_in = await production.sign_in.register(ALICE, PASSWORD)

    user = signed_in.user
    assert (("user",), False) == (user.roles, user.is_dev_user)
    assert [user.id] == list(production.store.password_hashes)
    assert await production.authenticator.authenticate(signed_in.tokens.access_token)


async def test_in_production_a_password_is_required(production):
    with pytest.raises(InvalidInput) as caught:
        await production.sign_in.register(ALICE)

    assert [("password", "missing")] == [
        (problem.field, problem.type) for problem in caught.value.problems
    ]
    assert empty(production)


def irregular(length):
    """What no blocklist knows, of so many characters."""
    return ("xK9#mQ2$vL5nR8wZ" + "tB4!" * 3 + "pH7%dF1^" * 200)[:length]


@pytest.mark.parametrize(
    ("either", "length", "accepted"),
    [
        ("core", 7, False),
        ("core", 8, True),
        ("production", 14, False),
        ("production", 15, True),
        ("production", 1024, True),
        ("production", 1025, False),
    ],
    indirect=["either"],
)
async def test_the_shortest_password_depends_on_the_mode(either, length, accepted):
    if accepted:
        assert await either.sign_in.register(ALICE, irregular(length))
    else:
        with pytest.raises(InvalidInput):
            await either.sign_in.register(ALICE, irregular(length))
        assert empty(either)
        assert 0 == either.hasher.hashed


@pytest.mark.sec("SEC-03")
async def test_a_password_that_is_too_long_is_refused_before_it_is_hashed(production):
    await production.sign_in.register(ALICE, PASSWORD)
    work = production.hasher.hashed, production.hasher.verified

    with pytest.raises(InvalidInput):
        await production.sign_in.register(Registration.parse(username="bob"), "x" * 10**6)
    for name in (NAME, Username.parse("stranger")):
        with pytest.raises(AuthenticationFailed):
            await production.sign_in.log_in(name, "x" * 10**6)

    assert work == (production.hasher.hashed, production.hasher.verified)


@in_both_modes
async def test_a_closed_registration_creates_nothing(either):
    closed = with_policy(development=either.options.sign_in.development, registration=False)

    with pytest.raises(RegistrationClosed):
        await closed.sign_in.register(ALICE, PASSWORD)

    assert empty(closed)
    assert 0 == closed.hasher.hashed


@in_both_modes
async def test_a_taken_name_is_refused_and_changes_nothing(either):
    alice = Registration.parse(username=ALICE.username.value, email="alice@example.com")
    await either.sign_in.register(alice, PASSWORD)
    before = (dict(either.store.users), dict(either.store.password_hashes), either.published)

    with pytest.raises(UsernameTaken):
        await either.sign_in.register(alice, "another long password")
    with pytest.raises(EmailTaken):
        await either.sign_in.register(
            Registration.parse(username="eve", email="alice@example.com"), "another long password"
        )

    after = (dict(either.store.users), dict(either.store.password_hashes), either.published)
    assert before == after
    assert await either.sign_in.log_in(NAME, PASSWORD)


@pytest.mark.sec("SEC-61")
async def test_of_racing_registrations_one_gets_the_account_and_a_session(production):
    passwords = [f"password number {number:05}" for number in range(50)]

    outcomes = await asyncio.gather(
        *(production.sign_in.register(ALICE, password) for password in passwords),
        return_exceptions=True,
    )

    winners = [
        password
        for password, outcome in zip(passwords, outcomes, strict=True)
        if not isinstance(outcome, UsernameTaken)
    ]
    assert 1 == len(winners) == len(production.store.users) == len(production.store.sessions)
    assert await production.sign_in.log_in(NAME, winners[0])


STEPS = ["users.add", "outbox.add", "credentials.set_password", "sessions.add"]
STEPS += ["users.record_login", "audit.append", "commit"]


@pytest.mark.parametrize("error", [Unavailable, RuntimeError, asyncio.CancelledError])
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_leaves_no_half_written_account(production, step, error):
    """And the same registration succeeds afterwards."""
    await production.keys.ring()
    seen = []

    def crash(statement):
        seen.append(statement)
        if statement == step:
            raise error

    production.store.on_statement = crash
    with pytest.raises(error):
        await production.sign_in.register(ALICE, PASSWORD)
    production.store.on_statement = None

    assert step == seen[-1]
    assert empty(production)
    assert await production.sign_in.register(ALICE, PASSWORD)


async def test_every_step_of_a_registration_was_crashed(production):
    await production.keys.ring()
    seen = []
    production.store.on_statement = seen.append

    await production.sign_in.register(ALICE, PASSWORD)

    assert set(STEPS) == set(seen)


async def test_without_keys_nothing_is_written(production):
    def crash(statement):
        if statement.startswith("keys."):
            raise Unavailable

    production.store.on_statement = crash

    with pytest.raises(Unavailable):
        await production.sign_in.register(ALICE, PASSWORD)

    assert empty(production)
