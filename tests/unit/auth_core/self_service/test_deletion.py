"""Leaving, and coming back in time."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.audit import AuditAction
from auth_core.core import Core, Options
from auth_core.kernel import (
    AuthenticationFailed,
    Email,
    InvalidLink,
    InvalidRefreshToken,
    InvalidToken,
    LastAdministrator,
    LifecycleConflict,
    MailTemplate,
    PermissionDenied,
    ReauthenticationFailed,
    Unavailable,
    UserNotFound,
)
from auth_core.tokens import SignInPolicy
from auth_core.users import UserStatus
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


async def leaving(core, alice):
    """Somebody who has closed their account."""
    signed_in = await alice()
    await leave(core, signed_in)
    return signed_in


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


async def restore(core, user_id, actor=None):
    return await core.administration.restore(actor, user_id)


async def boss(core, role="platform_admin"):
    """An administrator, with no session."""
    user = await verified_user(core, "boss")
    return await core.administration.edit(None, user.id, roles=(role,))


@pytest.mark.sec("SEC-66")
async def test_an_administrator_can_undo_it_and_its_owner_is_told(core, alice):
    user_id, admin = (await leaving(core, alice)).user.id, await boss(core)
    seen = len(core.published)

    stayed = await restore(core, user_id, admin)

    assert (True, None) == (stayed.is_active, stayed.delete_after)
    assert MailTemplate.DELETION_CANCELLED is letters(core)[-1].template
    record = core.audited[-1]
    assert (AuditAction.DELETION_CANCELLED, "by_administrator", user_id, admin.id) == (
        *(record.action, record.reason, record.user_id),
        record.actor_id,
    )
    (event,) = core.published[seen:]
    assert ("user.updated", ("delete_after",), admin.id) == (
        *(event.type, event.fields),
        event.actor_id,
    )
    assert await core.sign_in.log_in(ALICE, PASSWORD)


@pytest.mark.sec("SEC-16", "SEC-29")
async def test_undoing_it_revives_nothing(core, alice):
    signed_in = await alice()
    await core.self_service.reset_password.send(Email("alice@example.com"))
    token = token_in(core, MailTemplate.RESET_PASSWORD)
    epoch = core.store.users[signed_in.user.id].epoch
    await leave(core, signed_in)

    await restore(core, signed_in.user.id)

    for worker in (core, core.another_worker()):
        with pytest.raises(InvalidToken):
            await worker.authenticator.authenticate(signed_in.tokens.access_token)
        with pytest.raises(InvalidRefreshToken):
            await worker.refresh.redeem(signed_in.tokens.refresh_token)
    with pytest.raises(InvalidLink):
        await core.self_service.reset_password.reset(token, PASSWORD * 2)
    assert epoch < core.store.users[signed_in.user.id].epoch
    assert [] == await core.sessions.live_of(signed_in.user.id)


async def test_who_was_disabled_meanwhile_stays_so(core, alice):
    user_id = (await leaving(core, alice)).user.id
    await core.lifecycle.disable(user_id)

    stayed = await restore(core, user_id)

    assert (UserStatus.DISABLED, None) == (stayed.status, stayed.delete_after)
    core.clock.advance(timedelta(days=60))
    assert 0 == await core.personal_data.erase_due()


async def test_what_is_not_leaving_cannot_be_restored(core, alice):
    user_id = (await alice()).user.id
    with pytest.raises(LifecycleConflict, match="not on its way out"):
        await restore(core, user_id)

    await core.lifecycle.delete(user_id)
    with pytest.raises(LifecycleConflict, match="deleted for good"):
        await restore(core, user_id)

    core.clock.advance(timedelta(days=60))
    await core.personal_data.erase_due()
    with pytest.raises(UserNotFound):
        await restore(core, user_id)


async def test_after_the_grace_it_is_too_late_also_for_an_administrator(core, alice):
    user_id = (await leaving(core, alice)).user.id
    core.clock.advance(timedelta(days=30) - timedelta(microseconds=1))
    assert await restore(core, user_id)
    await leave(core, await core.sign_in.log_in(ALICE, PASSWORD))
    core.clock.advance(timedelta(days=30))

    with pytest.raises(LifecycleConflict, match="too late"):
        await restore(core, user_id)

    assert 1 == await core.personal_data.erase_due()


@pytest.mark.sec("SEC-57")
async def test_only_who_ranks_as_high_undoes_it(core, alice):
    user = (await alice()).user
    admin = await boss(core)
    await core.administration.edit(None, user.id, roles=("platform_admin",))
    await leave(core, await core.sign_in.log_in(ALICE, PASSWORD))
    before = dict(core.store.users), list(core.audited), core.letters

    for actor in (
        msgspec.structs.replace(admin, roles=("admin",)),
        msgspec.structs.replace(admin, roles=("user",)),
    ):
        with pytest.raises(PermissionDenied):
            await restore(core, user.id, actor)

    assert before == (dict(core.store.users), list(core.audited), core.letters)
    assert (await restore(core, user.id, admin)).administrates


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("step", ["audit.append", "commit"])
async def test_what_breaks_off_undoes_nothing(core, alice, step):
    user_id = (await leaving(core, alice)).user.id
    before = dict(core.store.users), list(core.audited), core.published, core.letters

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await restore(core, user_id)
    core.store.on_statement = None

    assert before == (dict(core.store.users), list(core.audited), core.published, core.letters)
    assert await restore(core, user_id)


async def test_of_many_who_undo_it_one_does(core, alice):
    user_id = (await leaving(core, alice)).user.id

    outcomes = await asyncio.gather(
        *(restore(core, user_id) for _ in range(5)), come_back(core), return_exceptions=True
    )

    assert 1 <= sum(not isinstance(outcome, Exception) for outcome in outcomes) <= 2
    actions = [record.action for record in core.audited]
    assert 1 == actions.count(AuditAction.DELETION_CANCELLED)


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
