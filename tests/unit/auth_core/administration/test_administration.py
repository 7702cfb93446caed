"""Administrators and the accounts of others (SEC-57, SEC-58, SEC-66)."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.credentials import parse_password
from auth_core.kernel import (
    InvalidInput,
    InvalidToken,
    LastAdministrator,
    PasswordChangeRequired,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
    UserId,
    UserNotFound,
)
from auth_core.sessions import SessionOrigin
from auth_core.testing.contracts.making import fresh_id
from auth_core.users import ProfileChanges, Registration, parse_roles

PASSWORD = "a password that is long enough"
RENAMED = ProfileChanges(display_name="Another")


def changes(actor, administration, user_id):
    return {
        "edit": lambda: administration.edit(actor, user_id, RENAMED),
        "roles": lambda: administration.edit(actor, user_id, roles=("user",)),
        "disable": lambda: administration.disable(actor, user_id),
        "delete": lambda: administration.delete(actor, user_id),
        "restore": lambda: administration.restore(actor, user_id),
        "reset": lambda: administration.require_password_change(actor, user_id),
        "end": lambda: administration.end_sessions(actor, user_id),
    }


CHANGES = list(changes(None, None, None))


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize("change", CHANGES)
async def test_an_admin_does_not_touch_a_platform_admin(core, platform, admin, change):
    before = dict(core.store.users), list(core.audited)

    with pytest.raises(PermissionDenied):
        await changes(admin.user, core.administration, platform.user.id)[change]()

    assert before == (dict(core.store.users), list(core.audited))
    assert await core.sessions.state(platform.user.id, platform.session.id)


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize("change", CHANGES)
async def test_a_user_touches_nobody(core, user, admin, platform, change):
    for target in (admin, user):
        with pytest.raises(PermissionDenied):
            await changes(user.user, core.administration, target.user.id)[change]()


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize(
    ("who", "roles", "allowed"),
    [
        ("admin", ("admin", "user"), True),
        ("admin", ("platform_admin",), False),
        ("platform", ("platform_admin",), True),
        ("user", ("admin",), False),
        ("user", ("user",), False),
    ],
)
async def test_nobody_grants_what_they_do_not_hold(
    core, people, platform, admin, user, who, roles, allowed
):
    actor = {"platform": platform, "admin": admin, "user": user}[who].user
    other = await people.register("bob", "user")

    async def grant():
        return await core.administration.edit(actor, other.user.id, roles=roles)

    async def create():
        registration = Registration.parse(username="carol")
        return await core.administration.create(actor, registration, roles=roles)

    for attempt in (grant, create):
        if allowed:
            assert roles == (await attempt()).roles
        else:
            with pytest.raises(PermissionDenied):
                await attempt()


@pytest.mark.sec("SEC-57")
async def test_an_admin_does_not_promote_themselves(core, platform, admin):
    with pytest.raises(PermissionDenied):
        await core.administration.edit(admin.user, admin.user.id, roles=("admin", "platform_admin"))


@pytest.mark.sec("SEC-66")
async def test_every_change_is_in_the_trail_with_who_did_it(core, admin, people):
    bob = await people.register("bob", "user")
    administration, actor, user_id = core.administration, admin.user, bob.user.id
    before = len(core.audited)
    seen = len(core.published)

    await administration.edit(actor, user_id, RENAMED, roles=("admin", "user"))
    await administration.end_sessions(actor, user_id)
    await administration.require_password_change(actor, user_id)
    await administration.disable(actor, user_id)
    await administration.enable(actor, user_id)
    await administration.delete(actor, user_id)
    made = await administration.create(actor, Registration.parse(username="carol"))

    records = core.audited[before:]
    assert [
        ("user:roles_changed", user_id),
        ("user:updated", user_id),
        ("session:ended", user_id),
        ("password:change_required", user_id),
        ("user:disabled", user_id),
        ("user:enabled", user_id),
        ("user:deleted", user_id),
        ("user:created", made.id),
    ] == [(record.action, record.user_id) for record in records]
    assert {actor.id} == {record.actor_id for record in records}
    assert {actor.id} == {event.actor_id for event in core.published[seen:]}
    assert ("user -> admin,user", "display_name") == (records[0].detail, records[1].detail)
    types = [event.type for event in core.published[seen:]]
    assert ["user.updated", "role.assigned"] == types[:2]


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("change", ["edit", "disable", "delete", "reset", "end"])
@pytest.mark.parametrize("step", ["audit.append", "commit"])
async def test_a_crash_leaves_neither_the_change_nor_its_record(core, admin, user, change, step):
    before = dict(core.store.users), list(core.audited), list(core.published)

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await changes(admin.user, core.administration, user.user.id)[change]()
    core.store.on_statement = None

    assert before == (dict(core.store.users), list(core.audited), list(core.published))
    assert not core.store.password_states[user.user.id].must_change
    assert await core.sessions.state(user.user.id, user.session.id)


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize("change", ["roles", "disable", "delete"])
async def test_the_last_administrator_stays(core, admin, user, change):
    with pytest.raises(LastAdministrator):
        await changes(None, core.administration, admin.user.id)[change]()

    assert core.store.users[admin.user.id].administrates


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize("first", ["roles", "disable", "delete"])
@pytest.mark.parametrize("second", ["roles", "disable", "delete"])
async def test_two_administrators_who_remove_each_other_leave_one(
    core, people, admin, first, second
):
    other = await people.register("other", "admin")
    one = changes(admin.user, core.administration, other.user.id)[first]
    two = changes(other.user, core.administration, admin.user.id)[second]

    outcomes = await asyncio.gather(one(), two(), return_exceptions=True)

    assert 1 == sum(isinstance(outcome, LastAdministrator) for outcome in outcomes)
    assert 1 == sum(user.administrates for user in core.store.users.values())


async def test_profile_and_roles_change_in_one_version_or_not_at_all(core, admin, user):
    changed = await core.administration.edit(
        admin.user, user.user.id, RENAMED, roles=("admin",), if_version=user.user.version
    )

    assert (user.user.version + 1, "Another", ("admin",)) == (
        changed.version,
        changed.display_name,
        changed.roles,
    )
    with pytest.raises(PreconditionFailed):
        await core.administration.edit(
            admin.user, user.user.id, roles=("user",), if_version=user.user.version
        )
    same = await core.administration.edit(admin.user, user.user.id, RENAMED, roles=("admin",))
    assert changed.version == same.version


@pytest.mark.sec("SEC-29")
async def test_who_must_change_the_password_is_out_until_it_is_changed(core, admin, user):
    name = user.user.username
    await core.administration.require_password_change(admin.user, user.user.id)

    assert None is await core.sessions.state(user.user.id, user.session.id)
    with pytest.raises(PasswordChangeRequired):
        await core.sign_in.log_in(name, PASSWORD)
    await core.lifecycle.set_password(user.user.id, parse_password("another long password"))
    assert await core.sign_in.log_in(name, "another long password")


async def test_an_unknown_account_is_not_there(core, platform):
    for change in changes(platform.user, core.administration, UserId(fresh_id())).values():
        with pytest.raises(UserNotFound):
            await change()


@pytest.mark.sec("SEC-57")
async def test_who_loses_the_role_loses_what_they_do_for_others(core, platform, people, user):
    admin = await people.register("second", "platform_admin")
    acting = await core.impersonation.begin(
        admin,
        user.user.id,
        reason="ticket 1",
        lifetime=timedelta(minutes=5),
        origin=SessionOrigin(),
    )
    await core.administration.edit(platform.user, admin.user.id, roles=("user",))

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(acting.tokens.access_token)
    assert await core.sessions.state(user.user.id, user.session.id)


@pytest.mark.parametrize("roles", [(), ("root",), ("user", "owner")])
def test_roles_that_are_none_are_refused(roles):
    with pytest.raises(InvalidInput):
        parse_roles(roles)


def test_roles_have_one_order():
    assert ("user", "platform_admin") == parse_roles(["platform_admin", "user", "user"])


@pytest.mark.sec("SEC-29")
async def test_the_operator_ends_everybodys_sessions(core, admin, user, people, monkeypatch):
    monkeypatch.setattr("auth_core.administration.service._USERS_PER_PAGE", 2)
    twice = await core.sign_in.log_in(user.user.username, "a password that is long enough")
    bob = await people.register("bob", "user")
    await core.administration.end_sessions(None, bob.user.id)
    before = len(core.audited)

    ended = [each async for each in core.administration.end_everybodys_sessions()]

    assert [1, 2] == sorted(ended)
    for one in (admin, user):
        assert await core.sessions.state(one.user.id, one.session.id) is None
    assert await core.sessions.state(user.user.id, twice.tokens.session_id) is None
    assert {("session:ended", admin.user.id), ("session:ended", user.user.id)} == {
        (record.action, record.user_id) for record in core.audited[before:]
    }
    assert [] == [each async for each in core.administration.end_everybodys_sessions()]


@pytest.mark.sec("SEC-33")
async def test_ending_everybodys_sessions_is_taken_up_again(core, admin, user, people, monkeypatch):
    monkeypatch.setattr("auth_core.administration.service._USERS_AT_ONCE", 1)
    await people.register("bob", "user")
    endings = core.administration.end_everybodys_sessions()
    assert 1 == await anext(endings)
    await endings.aclose()

    rest = [each async for each in core.administration.end_everybodys_sessions()]

    assert [1, 1] == rest
    assert not any(one.is_live(core.clock.now()) for one in core.store.sessions.values())
