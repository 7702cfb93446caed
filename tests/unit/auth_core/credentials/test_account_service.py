"""Accounts made by an operator."""

import pytest

from auth_core.credentials import parse_password
from auth_core.kernel import EmailTaken, Unavailable, Username
from auth_core.users import Registration

ALICE = Registration.parse(username="alice")
PASSWORD = "correct horse battery staple"


async def test_an_account_is_made_without_a_session(production):
    user = await production.accounts.create(ALICE, roles=("admin", "user"))

    assert ("admin", "user") == user.roles
    assert not user.is_dev_user
    assert {user.id: user} == production.store.users
    assert ({}, {}) == (production.store.password_hashes, production.store.sessions)
    assert ["user.created"] == [event.type for event in production.published]


async def test_its_password_opens_it(production):
    await production.accounts.create(ALICE, password=parse_password(PASSWORD))

    signed_in = await production.sign_in.log_in(Username.parse("alice"), PASSWORD)

    assert ("user",) == signed_in.user.roles


@pytest.mark.parametrize("step", ["users.add", "outbox.add", "credentials.set_password", "commit"])
async def test_a_crash_leaves_nothing_behind(production, step):
    def crash(statement):
        if statement == step:
            raise Unavailable

    production.store.on_statement = crash

    with pytest.raises(Unavailable):
        await production.accounts.create(ALICE, password=parse_password(PASSWORD))

    assert ({}, {}) == (production.store.users, production.store.password_hashes)
    assert [] == production.published


async def test_a_taken_address_is_refused(production):
    await production.accounts.create(
        Registration.parse(username="alice", email="alice@example.com")
    )

    with pytest.raises(EmailTaken):
        await production.accounts.create(
            Registration.parse(username="other", email="Alice@example.com")
        )
