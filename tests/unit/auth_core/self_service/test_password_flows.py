"""Forgotten and changed passwords (SEC-16, SEC-18, SEC-29)."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.audit import AuditAction
from auth_core.credentials import parse_password
from auth_core.kernel import (
    NOBODY,
    AuthenticationFailed,
    Email,
    InvalidInput,
    InvalidLink,
    InvalidRefreshToken,
    InvalidToken,
    MailTemplate,
    ReauthenticationFailed,
    Unavailable,
    Username,
)
from auth_core.users import ProfileChanges
from tests.unit.auth_core.self_service.people import (
    NEW_PASSWORD,
    ORIGIN,
    PASSWORD,
    letters,
    named,
    token_in,
    verified_user,
)

MANY = 50
ALICE = Email("alice@example.com")


async def forgot(core, name=ALICE):
    await core.self_service.reset_password.send(name)


async def reset(core, token=None, password=NEW_PASSWORD):
    token = token or token_in(core, MailTemplate.RESET_PASSWORD)
    return await core.self_service.reset_password.reset(token, password)


async def is_dead(core, signed_in):
    for use in (
        core.authenticator.authenticate(signed_in.tokens.access_token),
        core.refresh.redeem(signed_in.tokens.refresh_token),
    ):
        with pytest.raises((InvalidToken, InvalidRefreshToken)):
            await use


class TestReset:
    @pytest.mark.sec("SEC-18")
    async def test_it_ends_everything_tells_the_owner_and_signs_nobody_in(self, core, alice):
        signed_in = await alice()
        await forgot(core)

        await reset(core)

        await is_dead(core, signed_in)
        assert [] == [one for one in core.store.sessions.values() if one.ended_at is None]
        assert MailTemplate.PASSWORD_CHANGED is letters(core)[-1].template
        with pytest.raises(AuthenticationFailed):
            await core.sign_in.log_in(named("alice"), PASSWORD)
        assert await core.sign_in.log_in(named("alice"), NEW_PASSWORD)
        assert 1 == [event.type for event in core.published].count("user.password_changed")
        assert AuditAction.PASSWORD_RESET in [record.action for record in core.audited]

    @pytest.mark.sec("SEC-16")
    async def test_of_fifty_redemptions_one_resets(self, core):
        await verified_user(core)
        await forgot(core)
        token = token_in(core, MailTemplate.RESET_PASSWORD)

        outcomes = await asyncio.gather(
            *(reset(core, token, f"{NEW_PASSWORD} {number}") for number in range(MANY)),
            return_exceptions=True,
        )

        assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
        assert 1 == len(letters(core, MailTemplate.PASSWORD_CHANGED))

    async def test_a_bad_password_leaves_the_link(self, core):
        await verified_user(core)
        await forgot(core)

        with pytest.raises(InvalidInput, match="new_password"):
            await reset(core, password="short")

        assert await reset(core)

    async def test_a_bad_link_costs_no_hash(self, core):
        hashed = core.hasher.hashed

        with pytest.raises(InvalidLink):
            await reset(core, "no such token")

        assert hashed == core.hasher.hashed

    @pytest.mark.sec("SEC-16")
    @pytest.mark.parametrize("change", ["issue", "operator", "owner", "email", "disable"])
    async def test_an_old_link_is_void(self, core, alice, change):
        signed_in = await alice()
        await forgot(core)
        token = token_in(core, MailTemplate.RESET_PASSWORD)

        match change:
            case "issue":
                await forgot(core)
            case "operator":
                await core.lifecycle.set_password(signed_in.user.id, parse_password(PASSWORD * 2))
            case "owner":
                await core.self_service.change_password.change(
                    signed_in.user,
                    current_password=PASSWORD,
                    new_password=NEW_PASSWORD,
                    origin=ORIGIN,
                )
            case "email":
                new = Email("other@example.com")
                await core.self_service.change_email.request(signed_in.user, new, PASSWORD)
                change_token = token_in(core, MailTemplate.CHANGE_EMAIL)
                await core.self_service.change_email.confirm(change_token)
            case "disable":
                await core.lifecycle.disable(signed_in.user.id)

        with pytest.raises(InvalidLink):
            await reset(core, token)

    async def test_a_link_lives_for_half_an_hour(self, core):
        await verified_user(core)
        await forgot(core)
        core.clock.advance(timedelta(minutes=30))

        with pytest.raises(InvalidLink):
            await reset(core)

    @pytest.mark.sec("SEC-02")
    async def test_who_is_unknown_disabled_or_without_mail_costs_the_same_and_gets_nothing(
        self, core
    ):
        await verified_user(core)
        disabled = await verified_user(core, "bob")
        await core.lifecycle.disable(disabled.id)
        seen = []
        for name in (
            ALICE,
            Email("bob@example.com"),
            Email("nobody@example.com"),
            Username("alice"),
            Username("nobody"),
        ):
            statements = []
            core.store.on_statement = statements.append
            await forgot(core, name)
            core.store.on_statement = None
            seen.append(statements)

        assert 5 * [seen[0]] == seen
        assert ["alice@example.com"] * 2 == [letter.to.value for letter in letters(core)]
        assert 3 == [letter.to for letter in core.letters].count(NOBODY)

    async def test_a_crash_before_the_commit_leaves_the_password_and_the_link(self, core):
        await verified_user(core)
        await forgot(core)

        def crash(statement):
            if statement == "commit":
                raise Unavailable

        core.store.on_statement = crash
        with pytest.raises(Unavailable):
            await reset(core)
        core.store.on_statement = None

        assert await core.sign_in.log_in(named("alice"), PASSWORD)
        assert await reset(core)

    async def test_a_resend_that_races_a_reset_leaves_one_password(self, core):
        await verified_user(core)
        for number in range(10):
            await forgot(core)
            token = token_in(core, MailTemplate.RESET_PASSWORD)
            password = f"{NEW_PASSWORD} {number}"
            outcomes = await asyncio.gather(
                reset(core, token, password), forgot(core), return_exceptions=True
            )
            if not isinstance(outcomes[0], Exception):
                assert await core.sign_in.log_in(named("alice"), password)
            with pytest.raises(InvalidLink):
                await reset(core, token)

    @pytest.mark.sec("SEC-29")
    async def test_a_sign_in_under_way_with_the_old_password_comes_to_nothing(self, core):
        await verified_user(core)
        await forgot(core)
        token = token_in(core, MailTemplate.RESET_PASSWORD)

        await asyncio.gather(
            reset(core, token),
            *(core.sign_in.log_in(named("alice"), PASSWORD) for _ in range(10)),
            return_exceptions=True,
        )

        assert [] == [one for one in core.store.sessions.values() if one.ended_at is None]


class TestChange:
    async def change(self, core, user, current=PASSWORD, new=NEW_PASSWORD):
        return await core.self_service.change_password.change(
            user, current_password=current, new_password=new, origin=ORIGIN
        )

    @pytest.mark.sec("SEC-29", "SEC-48")
    async def test_the_caller_goes_on_and_everybody_else_is_out(self, core, alice):
        one, other = await alice(), await core.sign_in.log_in(ALICE, PASSWORD)

        fresh = await self.change(core, one.user)

        await is_dead(core, one)
        await is_dead(core, other)
        principal = await core.authenticator.authenticate(fresh.tokens.access_token)
        assert one.user.id == principal.user.id
        assert await core.refresh.redeem(fresh.tokens.refresh_token)
        assert [MailTemplate.PASSWORD_CHANGED] == [letter.template for letter in letters(core)]
        assert AuditAction.PASSWORD_CHANGED in [record.action for record in core.audited]
        assert await core.sign_in.log_in(ALICE, NEW_PASSWORD)

    @pytest.mark.sec("SEC-23")
    @pytest.mark.parametrize("current", [None, "", "not the password"])
    async def test_without_the_password_nothing_changes(self, core, alice, current):
        signed_in = await alice()

        with pytest.raises(ReauthenticationFailed):
            await self.change(core, signed_in.user, current)

        assert await core.authenticator.authenticate(signed_in.tokens.access_token)
        assert [] == letters(core)

    async def test_a_password_that_will_not_do_changes_nothing(self, core, alice):
        signed_in = await alice()

        with pytest.raises(InvalidInput):
            await self.change(core, signed_in.user, new="short")

        assert await core.sign_in.log_in(ALICE, PASSWORD)

    async def test_of_racing_changes_one_wins(self, core, alice):
        signed_in = await alice()
        passwords = [f"{NEW_PASSWORD} {number}" for number in range(10)]

        outcomes = await asyncio.gather(
            *(self.change(core, signed_in.user, new=password) for password in passwords),
            return_exceptions=True,
        )

        won = [
            password
            for password, outcome in zip(passwords, outcomes, strict=True)
            if not isinstance(outcome, Exception)
        ]
        assert 1 == len(won)
        assert await core.sign_in.log_in(ALICE, won[0])
        assert 1 == len(letters(core))

    @pytest.mark.sec("SEC-29")
    async def test_a_thief_who_signs_in_meanwhile_is_out(self, core, alice):
        signed_in = await alice()

        fresh, *_ = await asyncio.gather(
            self.change(core, signed_in.user),
            *(core.sign_in.log_in(ALICE, PASSWORD) for _ in range(10)),
            return_exceptions=True,
        )

        live = [one.id for one in core.store.sessions.values() if one.ended_at is None]
        assert [fresh.tokens.session_id] == live


async def test_a_letter_is_in_the_language_of_its_reader(core, alice):
    user = (await alice()).user
    await core.users.change(user.id, ProfileChanges(locale="de-AT"))

    await forgot(core)
    await reset(core)

    assert ["de-AT"] * 2 == [letter.locale for letter in letters(core)]


@pytest.mark.sec("SEC-57", "SEC-29")
@pytest.mark.parametrize("way", ["reset", "change"])
async def test_another_password_ends_what_its_owner_does_in_the_name_of_others(core, alice, way):
    admin = (await alice()).user
    other = await verified_user(core, "bob")
    await core.administration.edit(None, admin.id, roles=("user", "admin"))
    admin = await core.sign_in.log_in(named("alice"), PASSWORD)
    principal = await core.authenticator.authenticate(admin.tokens.access_token)
    acting = await core.impersonation.begin(
        principal, other.id, reason="ticket 4711", lifetime=timedelta(minutes=5), origin=ORIGIN
    )

    if way == "reset":
        await forgot(core)
        await reset(core)
    else:
        await core.self_service.change_password.change(
            principal.user, current_password=PASSWORD, new_password=NEW_PASSWORD, origin=ORIGIN
        )

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(acting.tokens.access_token)
