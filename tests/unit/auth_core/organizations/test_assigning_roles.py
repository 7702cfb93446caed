"""Giving people the roles that an organization made (SEC-56, SEC-57, SEC-59)."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Core
from auth_core.kernel import Email, InvalidInput, InvalidLink, PermissionDenied
from auth_core.organizations import Slug
from auth_core.roles import RoleHeld
from auth_core.testing import InMemorySessionCache
from auth_core.testing.contracts.making import stored_session

READS = ("organization:read", "users:read", "teams:read", "roles:read", "cases:read")
VIEWS = (*READS, "knowledge_base:read")


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


@pytest.fixture
def work(core):
    """What is done in an organization."""
    return core.organizations


@pytest.fixture
def make_role(core, owner, acme_id):
    async def make(name, *permissions):
        return await core.roles.create(
            owner.id, acme_id, name=name, permissions=frozenset(permissions)
        )

    return make


@pytest.fixture
async def support(work, owner, acme_id):
    return await work.teams.create(owner.id, acme_id, "Support")


def code_of(core, email: Email) -> str:
    return next(letter.values["code"] for letter in core.letters if letter.to == email)


async def held_by(core, user, acme_id, team=None):
    subject = await core.subjects.find(user.id)
    return subject.held_in(acme_id, team)


async def test_a_role_of_its_own_is_given_like_any_other(
    core, work, owner, member, acme_id, support, make_role
):
    await make_role("clerk", *READS)
    user = await member()

    changed = await work.members.change_role(owner.id, acme_id, user.id, "clerk")
    await work.teams.put_member(owner.id, acme_id, support.id, user.id, "clerk")

    assert "clerk" == changed.role
    assert set(READS) == await held_by(core, user, acme_id)
    assert {"teams:read", *READS} == await held_by(core, user, acme_id, support.id)
    assert ("membership.role_changed", "team.member_added") == (
        core.published[-2].type,
        core.published[-1].type,
    )


@pytest.mark.sec("SEC-57")
async def test_who_has_such_a_role_does_what_it_permits_and_no_more(
    work, owner, member, acme_id, support, make_role
):
    await make_role("reception", *VIEWS, "users:manage", "teams:manage")
    desk, guest, worker = await member("reception"), await member("viewer"), await member()

    await work.members.change_role(desk.id, acme_id, guest.id, "reception")
    await work.teams.put_member(desk.id, acme_id, support.id, guest.id, "reception")
    for attempt in (
        work.members.change_role(desk.id, acme_id, worker.id, "viewer"),
        work.members.change_role(desk.id, acme_id, desk.id, "admin"),
        work.members.remove(desk.id, acme_id, owner.id),
        work.teams.put_member(desk.id, acme_id, support.id, guest.id, "lead"),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    await work.members.remove(desk.id, acme_id, guest.id)


@pytest.mark.sec("SEC-57")
async def test_nobody_gives_or_takes_such_a_role_beyond_what_he_holds(
    core, work, owner, member, person, acme_id, support, make_role
):
    await make_role("liquidator", "organization:delete")
    admin, holder, user, guest = (
        await member("admin"),
        await member("liquidator"),
        await member(),
        await person(),
    )
    in_team = await member()
    await work.teams.put_member(owner.id, acme_id, support.id, in_team.id, "liquidator")
    before = dict(core.store.memberships), dict(core.store.team_memberships)

    for attempt in (
        work.members.change_role(admin.id, acme_id, user.id, "liquidator"),
        work.members.change_role(admin.id, acme_id, admin.id, "liquidator"),
        work.members.change_role(admin.id, acme_id, holder.id, "viewer"),
        work.members.remove(admin.id, acme_id, holder.id),
        work.teams.put_member(admin.id, acme_id, support.id, user.id, "liquidator"),
        work.teams.put_member(admin.id, acme_id, support.id, in_team.id, "member"),
        work.teams.remove_member(admin.id, acme_id, support.id, in_team.id),
        work.invitations.invite(admin.id, acme_id, guest.email, "liquidator"),
    ):
        with pytest.raises(PermissionDenied):
            await attempt

    assert before == (dict(core.store.memberships), dict(core.store.team_memberships))
    assert {} == core.store.invitations


@pytest.mark.sec("SEC-57")
async def test_a_lead_of_the_organizations_own_making_leads(
    work, owner, member, acme_id, support, make_role
):
    await make_role("captain", "teams:read", "teams:manage", "cases:read")
    captain, user = await member(), await member()
    await work.teams.put_member(owner.id, acme_id, support.id, captain.id, "captain")

    await work.teams.put_member(captain.id, acme_id, support.id, user.id, "captain")
    with pytest.raises(PermissionDenied):
        await work.teams.put_member(captain.id, acme_id, support.id, user.id, "lead")


@pytest.mark.sec("SEC-56")
async def test_what_no_role_is_called_is_not_given(
    core, work, owner, member, person, acme_id, support
):
    globex_owner, user, guest = await person(), await member(), await person()
    globex = await core.organizations.organizations.create(
        globex_owner, name="Globex", slug=Slug.parse("globex")
    )
    await core.roles.create(
        globex_owner.id, globex.organization.id, name="clerk", permissions=frozenset(READS)
    )

    for name in ("clerk", "lead", "nobody"):
        with pytest.raises(InvalidInput) as refused:
            await work.members.change_role(owner.id, acme_id, user.id, name)
        assert ["role"] == [problem.field for problem in refused.value.problems]
        with pytest.raises(InvalidInput):
            await work.invitations.invite(owner.id, acme_id, guest.email, name)
        with pytest.raises(InvalidInput):
            await work.members.add(acme_id, guest.id, name)
    for name in ("clerk", "admin", "owner"):
        with pytest.raises(InvalidInput):
            await work.teams.put_member(owner.id, acme_id, support.id, user.id, name)


async def test_a_role_that_permits_what_is_registered_no_more_is_mended_or_goes(
    core, work, owner, member, acme_id, make_role
):
    clerk, old = await make_role("clerk", *READS), await make_role("old", *READS)
    holder, user = await member("clerk"), await member()
    for role in (clerk, old):
        core.store.roles[role.id] = msgspec.structs.replace(
            role, permissions=("billing:pay", *READS)
        )

    with pytest.raises(PermissionDenied):  # nobody holds it, so nobody gives it
        await work.members.change_role(owner.id, acme_id, user.id, "clerk")
    await work.members.change_role(owner.id, acme_id, holder.id, "viewer")
    await core.roles.update(owner.id, acme_id, clerk.id, description="mended next")
    await core.roles.update(owner.id, acme_id, clerk.id, permissions=frozenset(READS))
    await work.members.change_role(owner.id, acme_id, user.id, "clerk")
    await core.roles.delete(owner.id, acme_id, old.id)

    assert [clerk.id] == [role.id for role in await core.roles.page(acme_id)]


@pytest.mark.sec("SEC-59")
async def test_who_is_invited_to_such_a_role_has_it(core, work, owner, person, acme_id, make_role):
    await make_role("clerk", *READS)
    guest = await person()
    await work.invitations.invite(owner.id, acme_id, guest.email, "clerk")

    await work.invitations.accept(guest.id, code_of(core, guest.email))

    assert set(READS) == await held_by(core, guest, acme_id)


@pytest.mark.sec("SEC-59")
async def test_an_invitation_to_a_role_that_is_gone_opens_nothing(
    core, work, owner, person, acme_id, make_role
):
    clerk, guest = await make_role("clerk", *READS), await person()
    invitation = await work.invitations.invite(owner.id, acme_id, guest.email, "clerk")
    del core.store.roles[clerk.id]  # by a node whose clock is ahead: for it, the invitation is over

    with pytest.raises(InvalidLink):
        await work.invitations.accept(guest.id, code_of(core, guest.email))

    assert (acme_id, guest.id) not in core.store.memberships
    assert [invitation] == await work.invitations.page(acme_id)


async def test_a_role_goes_when_nobody_has_it_or_is_invited_with_it(
    core, work, owner, member, person, acme_id, support, make_role
):
    clerk, user, guest = await make_role("clerk", *READS), await member("clerk"), await person()

    async def stays() -> None:
        with pytest.raises(RoleHeld):
            await core.roles.delete(owner.id, acme_id, clerk.id)

    await stays()
    await work.members.change_role(owner.id, acme_id, user.id, "viewer")
    await work.teams.put_member(owner.id, acme_id, support.id, user.id, "clerk")
    await stays()
    await work.teams.remove_member(owner.id, acme_id, support.id, user.id)
    await work.invitations.invite(owner.id, acme_id, guest.email, "clerk")
    await stays()
    core.clock.advance(timedelta(days=7))

    await core.roles.delete(owner.id, acme_id, clerk.id)
    assert [] == await core.roles.page(acme_id)


@pytest.fixture
def signed_in(core):
    async def sign_in(user):
        session = await stored_session(core.unit_of_work, user, created_at=core.clock.now())
        return lambda: core.sessions.state(user.id, session.id)

    return sign_in


async def permitted(state) -> set[str]:
    [grant] = (await state()).grants
    return {*(grant.permissions or ()), *(p for team in grant.teams for p in team.permissions)}


async def test_a_changed_role_holds_at_once_in_the_organization_and_in_teams(
    core, work, owner, member, acme_id, support, make_role, signed_in
):
    clerk = await make_role("clerk", "cases:read")
    holder, in_team = await member("clerk"), await member()
    await work.teams.put_member(owner.id, acme_id, support.id, in_team.id, "clerk")
    states = [await signed_in(user) for user in (holder, in_team)]
    assert [{"cases:read"}] * 2 == [await permitted(state) for state in states]

    await core.roles.update(owner.id, acme_id, clerk.id, permissions=frozenset({"cases:write"}))

    assert [{"cases:write"}] * 2 == [await permitted(state) for state in states]


@pytest.mark.sec("SEC-29")
async def test_what_a_process_that_died_could_not_tell_the_cache_others_make_good(
    core, work, owner, member, acme_id, support, make_role, signed_in
):
    clerk, user = await make_role("clerk", "cases:read"), await member()
    await work.teams.put_member(owner.id, acme_id, support.id, user.id, "clerk")
    await core.grants_watch.poll()
    state = await signed_in(user)
    assert {"cases:read"} == await permitted(state)
    ports = msgspec.structs.replace(core.ports, session_cache=InMemorySessionCache())
    died = Core(ports, core.options)  # what it tells the cache reaches nobody

    await died.roles.update(owner.id, acme_id, clerk.id, permissions=frozenset())
    assert {"cases:read"} == await permitted(state)
    assert 2 == await core.grants_watch.poll()

    assert set() == await permitted(state)
    assert 0 == await core.grants_watch.poll()
