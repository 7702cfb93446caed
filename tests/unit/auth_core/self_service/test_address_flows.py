"""Proving and changing the address of an account."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.audit import AuditAction
from auth_core.credentials import parse_password
from auth_core.kernel import (
    NOBODY,
    Email,
    EmailTaken,
    InvalidInput,
    InvalidLink,
    MailTemplate,
    ReauthenticationFailed,
)
from auth_core.testing import in_memory_core
from auth_core.users import Registration
from tests.unit.auth_core.self_service.people import (
    PASSWORD,
    letters,
    token_in,
    verified_user,
)

MANY = 50
ALICE, OTHER = Email("alice@example.com"), Email("other@example.com")


async def unverified_user(core, name="alice"):
    return await core.accounts.create(
        Registration.parse(username=name, email=f"{name}@example.com"),
        password=parse_password(PASSWORD),
    )


class TestVerifying:
    async def test_the_link_proves_the_address(self, core):
        user = await unverified_user(core)
        signed_in = await core.sign_in.log_in(ALICE, PASSWORD)
        await core.self_service.verify_email.send(ALICE)

        await core.self_service.verify_email.confirm(token_in(core, MailTemplate.VERIFY_EMAIL))

        principal = await core.authenticator.authenticate(signed_in.tokens.access_token)
        assert principal.user.email_verified
        record = core.audited[-1]
        assert (AuditAction.EMAIL_VERIFIED, user.id) == (record.action, record.user_id)
        assert ("email_verified",) == core.published[-1].fields

    @pytest.mark.sec("SEC-16")
    async def test_of_fifty_redemptions_one_succeeds(self, core):
        await unverified_user(core)
        await core.self_service.verify_email.send(ALICE)
        token = token_in(core, MailTemplate.VERIFY_EMAIL)

        outcomes = await asyncio.gather(
            *(core.self_service.verify_email.confirm(token) for _ in range(MANY)),
            return_exceptions=True,
        )

        assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)

    @pytest.mark.sec("SEC-02")
    async def test_whom_there_is_nothing_to_send_costs_the_same(self, core):
        await unverified_user(core)
        await verified_user(core, "bob")
        seen = []
        for address in ("alice@example.com", "bob@example.com", "nobody@example.com"):
            statements = []
            core.store.on_statement = statements.append
            await core.self_service.verify_email.send(Email(address))
            core.store.on_statement = None
            seen.append(statements)

        assert 3 * [seen[0]] == seen
        assert [ALICE] == [letter.to for letter in letters(core)]

    async def test_a_link_does_not_prove_another_address(self, core):
        """It was sent to the one before, in the moment of the change."""
        user = await unverified_user(core)
        await core.self_service.verify_email.send(ALICE)
        async with core.unit_of_work() as uow:
            await uow.users.update(msgspec.structs.replace(user, email=OTHER, version=2))
            await uow.commit()

        with pytest.raises(InvalidLink):
            await core.self_service.verify_email.confirm(token_in(core, MailTemplate.VERIFY_EMAIL))


class TestChanging:
    async def request(self, core, user, email=OTHER, password=PASSWORD):
        await core.self_service.change_email.request(user, email, password)

    async def confirm(self, core, token=None):
        token = token or token_in(core, MailTemplate.CHANGE_EMAIL)
        return await core.self_service.change_email.confirm(token)

    async def test_nothing_changes_before_the_new_address_is_proven(self, core, alice):
        signed_in = await alice()

        await self.request(core, signed_in.user)

        assert [OTHER] == [letter.to for letter in letters(core)]
        assert ALICE == (await core.users.get(signed_in.user.id)).email

    async def test_the_old_address_is_told_and_not_the_whole_new_one(self, core, alice):
        signed_in = await alice()
        await self.request(core, signed_in.user)

        changed = await self.confirm(core)

        assert (OTHER, True) == (changed.email, changed.email_verified)
        notice = letters(core)[-1]
        assert (ALICE, MailTemplate.EMAIL_CHANGED) == (notice.to, notice.template)
        assert {"new_email": "o•••@example.com"} == notice.values
        principal = await core.authenticator.authenticate(signed_in.tokens.access_token)
        assert OTHER == principal.user.email
        assert await core.sign_in.log_in(OTHER, PASSWORD)
        assert AuditAction.EMAIL_CHANGED is core.audited[-1].action

    @pytest.mark.sec("SEC-16")
    async def test_of_fifty_redemptions_one_changes_it(self, core, alice):
        await self.request(core, (await alice()).user)
        token = token_in(core, MailTemplate.CHANGE_EMAIL)

        outcomes = await asyncio.gather(
            *(self.confirm(core, token) for _ in range(MANY)), return_exceptions=True
        )

        assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
        assert 1 == len(letters(core, MailTemplate.EMAIL_CHANGED))

    @pytest.mark.sec("SEC-23")
    async def test_without_the_password_nothing_is_sent(self, core, alice):
        user = (await alice()).user

        with pytest.raises(ReauthenticationFailed):
            await self.request(core, user, password="not the password")

        assert [] == core.letters

    @pytest.mark.sec("SEC-02")
    async def test_a_taken_address_is_not_told_apart(self, core, alice):
        user = (await alice()).user
        await verified_user(core, "bob")
        seen = []
        for email in (OTHER, Email("bob@example.com")):
            statements = []
            core.store.on_statement = statements.append
            await self.request(core, user, email)
            core.store.on_statement = None
            seen.append(statements)

        assert seen[0] == seen[1]
        assert [OTHER, NOBODY] == [letter.to for letter in core.letters]

    async def test_an_address_that_was_taken_meanwhile_stays_taken(self, core, alice):
        await self.request(core, (await alice()).user)
        await verified_user(core, "other")

        with pytest.raises(EmailTaken):
            await self.confirm(core)

    async def test_a_user_name_that_is_the_address_follows(self, core):
        registration = Registration.parse(username="alice@example.com")
        user = await core.accounts.create(registration, password=parse_password(PASSWORD))
        await self.request(core, user)

        changed = await self.confirm(core)

        assert "other@example.com" == changed.username.value

    @pytest.mark.parametrize("email", ["alice@example.com", "someone@dev.faultmaven.local"])
    async def test_an_address_that_will_not_do_is_refused(self, core, alice, email):
        user = (await alice()).user

        with pytest.raises(InvalidInput, match="new_email"):
            await self.request(core, user, Email(email))

    async def test_a_link_lives_for_an_hour(self, core, alice):
        await self.request(core, (await alice()).user)
        core.clock.advance(timedelta(minutes=60))

        with pytest.raises(InvalidLink):
            await self.confirm(core)

    async def test_an_address_too_long_for_a_user_name_is_refused_where_it_is_one(self, core):
        registration = Registration.parse(username="alice@example.com")
        user = await core.accounts.create(registration, password=parse_password(PASSWORD))

        with pytest.raises(InvalidInput, match="new_email"):
            await self.request(core, user, Email(f"{'a' * 45}@example.com"))

    async def test_an_account_disabled_meanwhile_keeps_its_address(self, core, alice):
        user = (await alice()).user
        await self.request(core, user)
        await core.lifecycle.disable(user.id)

        with pytest.raises(InvalidLink):
            await self.confirm(core)

    async def test_in_development_an_account_without_a_password_needs_none(self):
        core = in_memory_core()
        signed_in = await core.sign_in.register(Registration.parse(username="alice"))

        await self.request(core, signed_in.user, password=None)

        assert OTHER == (await self.confirm(core)).email
