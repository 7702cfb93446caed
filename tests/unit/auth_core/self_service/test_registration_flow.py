"""Registering by mode: who gets an account, when, and what a stranger can learn from it."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.audit import AuditAction
from auth_core.core import Core, Options
from auth_core.credentials import Purpose
from auth_core.kernel import (
    NOBODY,
    Email,
    InvalidInput,
    InvalidLink,
    MailTemplate,
    RegistrationClosed,
    Unavailable,
    UsernameTaken,
)
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration
from tests.unit.auth_core.self_service.people import (
    ORIGIN,
    PASSWORD,
    deployment,
    named,
    token_in,
    verified_user,
)

MANY = 50


def registration(name="alice", email=None):
    return Registration.parse(username=name, email=email or f"{name}@example.com")


async def register(core, name="alice", email=None, **more):
    return await core.self_service.registration.register(
        registration(name, email), PASSWORD, origin=ORIGIN, **more
    )


async def test_no_account_exists_before_the_address_is_proven(core):
    assert None is await register(core)

    assert ({}, {}) == (core.store.users, core.store.sessions)
    assert [] == core.published
    assert [MailTemplate.VERIFY_REGISTRATION] == [letter.template for letter in core.letters]


async def test_proving_the_address_makes_an_active_account_and_signs_in(core):
    await register(core)

    signed_in = await core.self_service.registration.verify(
        token_in(core, MailTemplate.VERIFY_REGISTRATION), origin=ORIGIN
    )

    principal = await core.authenticator.authenticate(signed_in.tokens.access_token)
    user = principal.user
    assert ("alice", "alice@example.com") == (user.username.value, user.email.value)
    assert (True, True, ("user",)) == (user.email_verified, user.is_active, user.roles)
    assert await core.sign_in.log_in(named("alice"), PASSWORD)
    assert ["user.created", "session.created", "user.logged_in"] == [
        event.type for event in core.published[:3]
    ]
    (record,) = core.audited
    assert (AuditAction.USER_REGISTERED, user.id) == (record.action, record.user_id)


async def test_confirming_makes_the_account_and_no_session(core):
    await register(core)

    user = await core.self_service.registration.confirm(
        token_in(core, MailTemplate.VERIFY_REGISTRATION)
    )

    assert user.email_verified
    assert {} == core.store.sessions


@pytest.mark.sec("SEC-16", "SEC-61")
async def test_of_fifty_redemptions_one_makes_the_account(core):
    await register(core)
    token = token_in(core, MailTemplate.VERIFY_REGISTRATION)

    outcomes = await asyncio.gather(
        *(core.self_service.registration.verify(token, origin=ORIGIN) for _ in range(MANY)),
        return_exceptions=True,
    )

    assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
    assert (1, 1) == (len(core.store.users), len(core.store.sessions))


@pytest.mark.sec("SEC-61")
async def test_of_fifty_registrations_of_one_identity_one_link_works(core):
    variants = ["alice", "Alice", "ALICE", "\uff41\uff4c\uff49\uff43\uff45"]
    await asyncio.gather(
        *(
            register(core, variants[number % 4], f"{variants[number % 4]}@example.com")
            for number in range(MANY)
        )
    )

    tokens = [letter.values["token"] for letter in core.letters]
    outcomes = await asyncio.gather(
        *(core.self_service.registration.verify(token, origin=ORIGIN) for token in tokens),
        return_exceptions=True,
    )

    assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
    assert 1 == len(core.store.users)


@pytest.mark.sec("SEC-02")
@pytest.mark.parametrize(
    ("name", "email", "template"),
    [
        ("bob", "alice@example.com", MailTemplate.REGISTRATION_EXISTS),
        ("alice", "alice@example.com", MailTemplate.REGISTRATION_EXISTS),
        ("alice", "bob@example.com", MailTemplate.USERNAME_TAKEN),
        ("bob", "bob@example.com", MailTemplate.VERIFY_REGISTRATION),
    ],
)
async def test_what_is_taken_only_the_owner_of_the_address_learns(core, name, email, template):
    await verified_user(core)

    assert None is await register(core, name, email)

    (letter,) = core.letters
    assert (email, template) == (letter.to.value, letter.template)
    assert 1 == len(core.store.users)


@pytest.mark.sec("SEC-01", "SEC-02")
async def test_whatever_is_taken_the_work_is_the_same(core):
    await verified_user(core)
    seen = []
    for name, email in (
        ("bob", "bob@example.com"),
        ("bob", "alice@example.com"),
        ("alice", "carol@example.com"),
    ):
        statements, hashed = [], core.hasher.hashed
        core.store.on_statement = statements.append
        await register(core, name, email)
        core.store.on_statement = None
        seen.append((statements, core.hasher.hashed - hashed))

    assert seen[0] == seen[1] == seen[2]
    assert 1 == seen[0][1]
    assert (3, 3) == (len(core.letters), len(core.store.one_time_secrets))


async def test_a_registration_again_makes_the_link_before_void(core):
    await register(core)
    first = token_in(core, MailTemplate.VERIFY_REGISTRATION)
    await register(core)

    with pytest.raises(InvalidLink):
        await core.self_service.registration.verify(first, origin=ORIGIN)


@pytest.mark.sec("SEC-50")
async def test_a_link_lives_for_an_hour(core):
    await register(core)
    token = token_in(core, MailTemplate.VERIFY_REGISTRATION)
    core.clock.advance(timedelta(minutes=60))

    with pytest.raises(InvalidLink):
        await core.self_service.registration.verify(token, origin=ORIGIN)


async def test_of_two_who_want_one_name_the_first_to_prove_gets_it(core):
    """The link of the other still works, should the name become free."""
    await register(core, "alice", "one@example.com")
    first = token_in(core, MailTemplate.VERIFY_REGISTRATION)
    await register(core, "alice", "two@example.com")
    second = token_in(core, MailTemplate.VERIFY_REGISTRATION)
    await core.self_service.registration.verify(second, origin=ORIGIN)

    with pytest.raises(UsernameTaken):
        await core.self_service.registration.verify(first, origin=ORIGIN)

    assert (
        None
        is core.store.one_time_secrets[Purpose.VERIFY_REGISTRATION, "one@example.com"].consumed_at
    )


async def test_a_crash_before_the_commit_leaves_the_link(core):
    await register(core)
    token = token_in(core, MailTemplate.VERIFY_REGISTRATION)

    def crash(statement):
        if statement == "commit":
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.self_service.registration.verify(token, origin=ORIGIN)
    core.store.on_statement = None

    assert {} == core.store.users
    assert await core.self_service.registration.verify(token, origin=ORIGIN)


async def test_a_lost_answer_leaves_an_account_that_logs_in(core):
    await register(core)
    await core.self_service.registration.verify(
        token_in(core, MailTemplate.VERIFY_REGISTRATION), origin=ORIGIN
    )  # and nobody gets the tokens

    assert await core.sign_in.log_in(named("alice"), PASSWORD)


async def test_an_address_without_a_mailbox_cannot_register(core):
    nowhere = Registration.parse(username="alice")

    with pytest.raises(InvalidInput, match="email"):
        await core.self_service.registration.register(nowhere, PASSWORD, origin=ORIGIN)


@pytest.mark.parametrize("password", [None, "too short"])
async def test_a_password_that_will_not_do_is_refused_at_once(core, password):
    with pytest.raises(InvalidInput, match="password"):
        await core.self_service.registration.register(registration(), password, origin=ORIGIN)

    assert [] == core.letters


@pytest.mark.sec("SEC-67")
async def test_what_waits_is_sealed(core):
    await register(core)

    (row,) = core.store.one_time_secrets.values()
    assert b"alice" not in row.sealed_payload
    assert token_in(core, MailTemplate.VERIFY_REGISTRATION).encode() not in row.digest
    assert PASSWORD not in repr(row)


async def test_whoever_holds_the_link_can_see_which_name_it_is_for(core):
    await register(core)
    token = token_in(core, MailTemplate.VERIFY_REGISTRATION)

    waiting = [await core.self_service.registration.waiting(token) for _ in range(2)]

    assert [named("alice")] * 2 == waiting
    assert {} == core.store.users


async def test_open_registration_signs_in_at_once_and_asks_for_a_proof():
    core = deployment(RegistrationMode.OPEN)

    signed_in = await register(core)

    assert not signed_in.user.email_verified
    session = core.store.sessions[signed_in.tokens.session_id]
    assert ("pwd",) == session.amr
    assert ["registration"] == [record.reason for record in core.signed_in]
    (letter,) = core.letters
    assert ("alice@example.com", MailTemplate.VERIFY_EMAIL) == (letter.to.value, letter.template)
    await core.self_service.verify_email.confirm(token_in(core, MailTemplate.VERIFY_EMAIL))
    principal = await core.authenticator.authenticate(signed_in.tokens.access_token)
    assert principal.user.email_verified


@pytest.mark.parametrize(
    ("development", "email"), [(True, "alice@example.com"), (False, None), (True, None)]
)
async def test_in_development_and_without_a_mailbox_nothing_is_mailed(development, email):
    core = deployment(RegistrationMode.OPEN, development=development)
    person = Registration.parse(username="alice", email=email)

    assert not core.self_service.registration.writes_to(person.email)
    assert await core.self_service.registration.register(person, PASSWORD, origin=ORIGIN)

    assert ([], {}) == (core.letters, core.store.one_time_secrets)


@pytest.mark.parametrize("step", ["mail.enqueue", "commit"])
async def test_an_open_registration_that_breaks_off_leaves_neither_account_nor_letter(step):
    core = deployment(RegistrationMode.OPEN)

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await register(core)
    core.store.on_statement = None

    store = core.store
    assert ({}, {}, {}, []) == (store.users, store.sessions, store.one_time_secrets, core.letters)
    assert await register(core)


@pytest.mark.parametrize("password", [None, "too short"])
async def test_openly_too_a_password_that_will_not_do_is_refused(password):
    core = deployment(RegistrationMode.OPEN)

    with pytest.raises(InvalidInput, match="password"):
        await core.self_service.registration.register(registration(), password, origin=ORIGIN)

    assert ({}, []) == (core.store.users, core.letters)


async def test_open_in_one_place_and_closed_in_the_other_is_closed(core):
    options = Options(
        sign_in=SignInPolicy(registration=False),
        self_service=SelfServicePolicy(registration=RegistrationMode.OPEN),
    )

    with pytest.raises(RegistrationClosed):
        await register(Core(core.ports, options))


async def test_closed_registration_is_closed():
    core = deployment(RegistrationMode.CLOSED)

    with pytest.raises(RegistrationClosed):
        await register(core)


class TestInvitations:
    @pytest.fixture
    def core(self):
        return deployment(RegistrationMode.INVITE)

    async def invited(self, core, email="alice@example.com"):
        await core.self_service.registration.invite(Email.parse(email))
        return token_in(core, MailTemplate.REGISTRATION_INVITATION)

    async def test_the_invited_get_an_account_with_a_proven_address(self, core):
        token = await self.invited(core)

        signed_in = await register(core, invitation=token)

        assert signed_in.user.email_verified
        assert ["registration", "invited"] == [record.reason for record in core.audited]

    async def test_without_an_invitation_nobody_does(self, core):
        with pytest.raises(InvalidInput, match="invitation_token"):
            await register(core)

    @pytest.mark.sec("SEC-59")
    async def test_an_invitation_is_for_its_address(self, core):
        token = await self.invited(core)

        with pytest.raises(InvalidLink):
            await register(core, "mallory", invitation=token)

        assert await register(core, invitation=token)

    @pytest.mark.sec("SEC-59")
    async def test_of_fifty_acceptances_one_makes_the_account(self, core):
        token = await self.invited(core)

        outcomes = await asyncio.gather(
            *(
                register(core, f"alice{number}", "alice@example.com", invitation=token)
                for number in range(MANY)
            ),
            return_exceptions=True,
        )

        assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
        assert 1 == len(core.store.users)

    async def test_a_taken_name_leaves_the_invitation(self, core):
        await verified_user(core, "bob")
        token = await self.invited(core)

        with pytest.raises(UsernameTaken):
            await register(core, "bob", "alice@example.com", invitation=token)

        assert await register(core, invitation=token)

    async def test_a_second_invitation_replaces_the_first(self, core):
        first, second = await self.invited(core), await self.invited(core)

        with pytest.raises(InvalidLink):
            await register(core, invitation=first)
        assert await register(core, invitation=second)

    async def test_nobody_can_be_invited_where_there_is_no_mailbox(self, core):
        with pytest.raises(InvalidInput):
            await core.self_service.registration.invite(NOBODY)

    async def test_the_invited_may_be_given_an_account_without_a_session(self, core):
        token = await self.invited(core)
        assert Email("alice@example.com") == await core.self_service.registration.invited(token)

        await core.self_service.registration.accept(registration(), PASSWORD, token)

        assert {} == core.store.sessions
        assert await core.sign_in.log_in(named("alice"), PASSWORD)
        with pytest.raises(InvalidLink):
            await core.self_service.registration.accept(registration(), PASSWORD, token)


@pytest.mark.sec("SEC-60")
async def test_where_nobody_is_invited_an_invitation_opens_nothing(core):
    await core.self_service.registration.invite(Email("alice@example.com"))

    with pytest.raises(RegistrationClosed):
        await core.self_service.registration.invited(
            token_in(core, MailTemplate.REGISTRATION_INVITATION)
        )


@pytest.mark.sec("SEC-29")
async def test_a_sign_in_that_somebody_ends_meanwhile_comes_to_nothing(core):
    """Here an administrator shuts the new account in the moment of its making."""
    user = await verified_user(core)
    await core.self_service.sign_in.send_link(user.email)
    token = token_in(core, MailTemplate.SIGN_IN_LINK)

    outcomes = await asyncio.gather(
        core.self_service.sign_in.redeem_link(token, origin=ORIGIN),
        core.lifecycle.disable(user.id),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], InvalidLink | Unavailable) or not isinstance(
        outcomes[0], Exception
    )
    live = [one for one in core.store.sessions.values() if one.ended_at is None]
    assert [] == live
