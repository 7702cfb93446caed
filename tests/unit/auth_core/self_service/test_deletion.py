"""Leaving, and coming back in time."""

from datetime import timedelta

import pytest

from auth_core.audit import AuditAction
from auth_core.core import Core, Options
from auth_core.kernel import (
    AuthenticationFailed,
    Email,
    InvalidLink,
    InvalidToken,
    LastAdministrator,
    MailTemplate,
    PermissionDenied,
    ReauthenticationFailed,
    UserNotFound,
)
from auth_core.tokens import SignInPolicy
from tests.unit.auth_core.self_service.people import (
    ORIGIN,
    PASSWORD,
    letters,
    named,
    token_in,
    verified_user,
)

ALICE = named("alice")


async def leave(core, signed_in, password=PASSWORD):
    return await core.self_service.deletion.schedule(signed_in.user, password)


async def come_back(core, password=PASSWORD):
    return await core.self_service.deletion.restore(ALICE, password, origin=ORIGIN)


async def test_the_account_is_shut_at_once_and_its_owner_told_until_when(core, alice):
    signed_in = await alice()

    delete_after = await leave(core, signed_in)

    assert core.clock.now() + timedelta(days=30) == delete_after
    assert delete_after == (await core.users.get(signed_in.user.id)).delete_after
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(signed_in.tokens.access_token)
    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(ALICE, PASSWORD)
    (letter,) = letters(core)
    assert MailTemplate.DELETION_SCHEDULED is letter.template
    assert {"date": "2026-01-31"} == letter.values
    assert AuditAction.DELETION_SCHEDULED is core.audited[-1].action


async def test_within_the_grace_its_owner_comes_back(core, alice):
    await leave(core, await alice())
    core.clock.advance(timedelta(days=29))

    signed_in = await come_back(core)

    assert await core.authenticator.authenticate(signed_in.tokens.access_token)
    assert await core.sign_in.log_in(ALICE, PASSWORD)
    assert AuditAction.DELETION_CANCELLED is core.audited[-1].action
    assert await come_back(core)  # a retry after a lost answer


async def test_after_the_grace_nobody_does(core, alice):
    await leave(core, await alice())
    core.clock.advance(timedelta(days=30))

    with pytest.raises(AuthenticationFailed):
        await come_back(core)


@pytest.mark.sec("SEC-01")
@pytest.mark.parametrize("password", ["not the password", None])
async def test_coming_back_needs_the_password(core, alice, password):
    await leave(core, await alice())

    with pytest.raises(AuthenticationFailed):
        await come_back(core, password)


async def test_whom_an_administrator_shut_out_cannot_come_back_this_way(core, alice):
    signed_in = await alice()
    await leave(core, signed_in)
    await core.lifecycle.disable(signed_in.user.id)

    with pytest.raises(AuthenticationFailed):
        await come_back(core)


async def test_an_administrator_can_undo_it(core, alice):
    signed_in = await alice()
    await leave(core, signed_in)

    await core.self_service.deletion.cancel(await core.users.get(signed_in.user.id))

    assert await core.sign_in.log_in(ALICE, PASSWORD)
    with pytest.raises(UserNotFound):
        await core.self_service.deletion.cancel(await core.users.get(signed_in.user.id))


@pytest.mark.sec("SEC-23")
async def test_leaving_needs_the_password(core, alice):
    signed_in = await alice()

    with pytest.raises(ReauthenticationFailed):
        await leave(core, signed_in, "not the password")

    assert await core.authenticator.authenticate(signed_in.tokens.access_token)


@pytest.mark.sec("SEC-16")
async def test_links_from_before_are_void(core, alice):
    signed_in = await alice()
    await core.self_service.reset_password.send(Email("alice@example.com"))
    token = token_in(core, MailTemplate.RESET_PASSWORD)
    await leave(core, signed_in)
    await come_back(core)

    with pytest.raises(InvalidLink):
        await core.self_service.reset_password.reset(token, PASSWORD * 2)


@pytest.mark.sec("SEC-60")
async def test_where_passwords_are_off_none_opens_or_changes_anything(core, alice):
    signed_in = await alice()
    await leave(core, signed_in)
    off = Core(core.ports, Options(sign_in=SignInPolicy(passwords=False))).self_service

    for use in (
        off.deletion.restore(ALICE, PASSWORD, origin=ORIGIN),
        off.deletion.schedule(signed_in.user, PASSWORD),
        off.reset_password.send(ALICE),
        off.change_email.request(signed_in.user, Email("other@example.com"), PASSWORD),
        off.change_password.change(
            signed_in.user, current_password=PASSWORD, new_password=PASSWORD * 2, origin=ORIGIN
        ),
    ):
        with pytest.raises(PermissionDenied):
            await use


@pytest.mark.sec("SEC-58")
async def test_the_last_administrator_cannot_leave(core, alice):
    user = (await alice()).user
    await core.administration.edit(None, user.id, roles=("user", "admin"))
    signed_in = await core.sign_in.log_in(ALICE, PASSWORD)

    with pytest.raises(LastAdministrator):
        await leave(core, signed_in)

    assert await core.authenticator.authenticate(signed_in.tokens.access_token)
    await verified_user(core, "bob")
    bob = await core.sign_in.log_in(named("bob"), PASSWORD)
    await core.administration.edit(None, bob.user.id, roles=("user", "admin"))
    assert await leave(core, signed_in)
