"""Members, owners, and what nobody may do (SEC-55, SEC-57, SEC-58, SEC-66)."""

import asyncio

import pytest

from auth_core.core import Options
from auth_core.kernel import (
    InvalidInput,
    LifecycleConflict,
    PermissionDenied,
    Unavailable,
)
from auth_core.organizations import (
    AlreadyMember,
    LastOwner,
    LimitReached,
    MemberNotFound,
    OrganizationChanges,
    OrganizationNotFound,
    OrganizationPolicy,
    Slug,
)
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import stored_user


@pytest.fixture
def members(core):
    return core.organizations.members


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


def role_of(core, acme_id, user):
    found = core.store.memberships.get((acme_id, user.id))
    return found and found.role


@pytest.mark.sec("SEC-66")
async def test_who_makes_an_organization_owns_it(core, acme, owner):
    assert "owner" == role_of(core, acme.organization.id, owner)
    assert ["organization.created", "membership.added"] == [one.type for one in core.published]
    assert ["organization:created"] == [one.action.value for one in core.audited]


@pytest.mark.sec("SEC-66")
async def test_a_new_role_is_told_in_its_commit(core, members, acme_id, owner, member):
    user = await member()

    changed = await members.change_role(owner.id, acme_id, user.id, "admin")

    assert "admin" == changed.role == role_of(core, acme_id, user)
    event, record = core.published[-1], core.audited[-1]
    assert ("membership.role_changed", user.id, acme_id, owner.id, "admin", "member") == (
        event.type,
        event.user_id,
        event.organization_id,
        event.actor_id,
        event.role,
        event.previous_role,
    )
    assert ("membership:role_changed", user.id, owner.id, "member -> admin") == (
        record.action.value,
        record.user_id,
        record.actor_id,
        record.detail,
    )


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("statement", ["memberships.change_role", "audit.append", "commit"])
async def test_cut_off_anywhere_nothing_has_changed(
    core, members, acme_id, owner, member, statement
):
    user = await member()
    before = dict(core.store.memberships), list(core.audited), list(core.published)

    def cut(name):
        if name == statement:
            raise Unavailable

    core.store.on_statement = cut
    with pytest.raises(Unavailable):
        await members.change_role(owner.id, acme_id, user.id, "admin")

    assert before == (dict(core.store.memberships), list(core.audited), list(core.published))


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize("role", ["member", "viewer", "admin"])
async def test_only_owners_touch_owners(core, members, acme_id, owner, member, role):
    actor = await member(role)

    with pytest.raises(PermissionDenied):
        await members.change_role(actor.id, acme_id, owner.id, "member")
    with pytest.raises(PermissionDenied):
        await members.remove(actor.id, acme_id, owner.id)

    assert "owner" == role_of(core, acme_id, owner)


@pytest.mark.sec("SEC-57")
async def test_nobody_gives_what_he_does_not_hold(core, members, acme_id, member):
    admin, user = await member("admin"), await member()

    for actor, target in ((admin, user), (admin, admin), (user, user)):
        with pytest.raises(PermissionDenied):
            await members.change_role(actor.id, acme_id, target.id, "owner")
    with pytest.raises(PermissionDenied):
        await members.change_role(user.id, acme_id, user.id, "admin")

    assert ("admin", "member") == (role_of(core, acme_id, admin), role_of(core, acme_id, user))


@pytest.mark.sec("SEC-57")
async def test_who_lost_a_role_uses_it_no_more(members, acme_id, owner, member):
    admin, user = await member("admin"), await member()
    await members.change_role(owner.id, acme_id, admin.id, "viewer")

    with pytest.raises(PermissionDenied):
        await members.remove(admin.id, acme_id, user.id)


@pytest.mark.sec("SEC-55")
async def test_to_strangers_there_is_no_such_organization(core, members, acme_id, member, person):
    user, stranger = await member(), await person()

    for attempt in (
        members.change_role(stranger.id, acme_id, user.id, "viewer"),
        members.remove(stranger.id, acme_id, user.id),
        core.organizations.organizations.edit(
            stranger.id, acme_id, OrganizationChanges(name="Mine")
        ),
        core.organizations.organizations.delete(stranger.id, acme_id),
        core.organizations.teams.create(stranger.id, acme_id, "Mine"),
        core.organizations.invitations.invite(stranger.id, acme_id, stranger.email, "owner"),
    ):
        with pytest.raises(OrganizationNotFound):
            await attempt


async def test_a_role_that_nobody_knows_is_none(members, acme_id, owner, member):
    user = await member()

    with pytest.raises(InvalidInput):
        await members.change_role(owner.id, acme_id, user.id, "king")


async def test_who_is_no_member_has_no_role(members, acme_id, owner, person):
    user = await person()

    with pytest.raises(MemberNotFound):
        await members.change_role(owner.id, acme_id, user.id, "viewer")
    with pytest.raises(MemberNotFound):
        await members.remove(owner.id, acme_id, user.id)


async def test_anybody_but_the_last_owner_may_leave(core, members, acme_id, owner, member):
    user = await member("viewer")

    await members.remove(user.id, acme_id, user.id)
    with pytest.raises(LastOwner):
        await members.remove(owner.id, acme_id, owner.id)

    assert "membership:left" == core.audited[-1].action.value
    assert (None, "owner") == (role_of(core, acme_id, user), role_of(core, acme_id, owner))


@pytest.mark.sec("SEC-58")
async def test_the_last_owner_is_not_demoted_either(members, acme_id, owner):
    with pytest.raises(LastOwner):
        await members.change_role(owner.id, acme_id, owner.id, "admin")


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize("way", ["leave", "demote", "delete", "transfer"])
async def test_of_two_owners_who_go_at_once_one_stays(core, members, acme_id, owner, member, way):
    other = await member("owner")
    third = await member()

    async def go(user):
        match way:
            case "leave":
                await members.remove(user.id, acme_id, user.id)
            case "demote":
                await members.change_role(user.id, acme_id, user.id, "member")
            case "delete":
                await core.lifecycle.delete(user.id)
            case "transfer":
                await members.transfer(user.id, acme_id, third.id)

    results = await asyncio.gather(go(owner), go(other), return_exceptions=True)

    owners = [one for one in core.store.memberships.values() if one.role == "owner"]
    active = [one for one in owners if core.store.users[one.user_id].is_active]
    assert active
    if way != "transfer":  # there, a third one takes the place of both
        assert 1 == sum(isinstance(result, LastOwner) for result in results)


@pytest.mark.sec("SEC-58")
async def test_an_account_that_owns_alone_is_not_deleted(core, acme, owner):
    with pytest.raises(LastOwner):
        await core.lifecycle.delete(owner.id)
    with pytest.raises(LastOwner):
        await core.personal_data.erase(owner.id)

    assert core.store.users[owner.id].is_active
    await core.organizations.organizations.delete(owner.id, acme.organization.id)
    await core.lifecycle.delete(owner.id)  # nobody needs an owner there any more


async def test_an_organization_is_handed_over(core, members, acme_id, owner, member):
    user = await member()

    await members.transfer(owner.id, acme_id, user.id)

    assert ("admin", "owner") == (role_of(core, acme_id, owner), role_of(core, acme_id, user))
    with pytest.raises(PermissionDenied):
        await members.transfer(owner.id, acme_id, owner.id)


@pytest.mark.sec("SEC-58")
async def test_nobody_whose_account_is_shut_becomes_an_owner(core, members, acme_id, owner, member):
    user = await member()
    await core.lifecycle.disable(user.id)

    with pytest.raises(LifecycleConflict):
        await members.transfer(owner.id, acme_id, user.id)

    assert "owner" == role_of(core, acme_id, owner)


async def test_there_are_as_many_members_as_the_limit_says():
    core = in_memory_core(Options(organizations=OrganizationPolicy(max_members=2)))
    users = [await stored_user(core.unit_of_work) for _ in range(4)]
    made = await core.organizations.organizations.create(
        users[0], name="Small", slug=Slug.parse("small")
    )
    add, acme_id = core.organizations.members.add, made.organization.id

    results = await asyncio.gather(
        *(add(acme_id, user.id, "member") for user in users[1:]), return_exceptions=True
    )

    assert [2, 2] == [result.limit for result in results if isinstance(result, LimitReached)]
    await core.organizations.organizations.edit(None, acme_id, OrganizationChanges(max_members=3))
    left = next(user for user in users if (acme_id, user.id) not in core.store.memberships)
    await add(acme_id, left.id, "member")
    with pytest.raises(LimitReached):
        await add(acme_id, left.id, "member")


async def test_nobody_joins_twice(members, acme_id, member):
    user = await member()

    with pytest.raises(AlreadyMember):
        await members.add(acme_id, user.id, "viewer")


async def test_what_is_cached_of_a_person_is_forgotten(core, members, acme_id, owner, member):
    user = await member()
    forgotten = []

    async def forget(user_id):
        forgotten.append(user_id)

    core.cache.forget_user = forget
    await members.change_role(owner.id, acme_id, user.id, "viewer")
    await members.remove(owner.id, acme_id, user.id)

    assert [user.id, user.id] == forgotten
