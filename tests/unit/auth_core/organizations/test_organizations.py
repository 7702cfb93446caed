"""Changing, deleting, restoring and removing organizations; teams and invitations."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Options
from auth_core.kernel import (
    InvalidInput,
    InvalidLink,
    LifecycleConflict,
    MailTemplate,
    PermissionDenied,
    PreconditionFailed,
)
from auth_core.organizations import (
    AlreadyMember,
    CreationClosed,
    EmailNotVerified,
    InvitationNotFound,
    LimitReached,
    MemberNotFound,
    OrganizationChanges,
    OrganizationNotFound,
    OrganizationPolicy,
    OrganizationSettings,
    Slug,
    SlugTaken,
    TeamNameTaken,
    TeamNotFound,
)
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import stored_user

MANY = 50


@pytest.fixture
def service(core):
    return core.organizations.organizations


@pytest.fixture
def teams(core):
    return core.organizations.teams


@pytest.fixture
def invitations(core):
    return core.organizations.invitations


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


def code_of(core, email):
    (letter,) = [
        letter
        for letter in core.letters[-1:]
        if (letter.to, letter.template) == (email, MailTemplate.ORGANIZATION_INVITATION)
    ]
    return letter.values["code"]


async def test_a_change_is_one_version_and_names_its_fields(core, service, acme_id, owner):
    changes = OrganizationChanges(
        name="Acme Corp", settings=OrganizationSettings(invitation_days=3)
    )

    changed = await service.edit(owner.id, acme_id, changes, if_version=1)
    again = await service.edit(owner.id, acme_id, changes)

    assert (2, 2, "Acme Corp") == (changed.version, again.version, again.name)
    assert ("organization.updated", ("name", "settings")) == (
        core.published[-1].type,
        core.published[-1].fields,
    )
    with pytest.raises(PreconditionFailed):
        await service.edit(owner.id, acme_id, changes, if_version=1)


async def test_a_slug_is_one_organizations(service, acme, person):
    with pytest.raises(SlugTaken):
        await service.create(await person(), name="Other", slug=acme.organization.slug)


@pytest.mark.sec("SEC-54")
async def test_no_owner_sets_the_limits(service, acme_id, owner):
    with pytest.raises(PermissionDenied):
        await service.edit(owner.id, acme_id, OrganizationChanges(max_members=10_000))
    with pytest.raises(InvalidInput):
        await service.edit(None, acme_id, OrganizationChanges(max_members=0))


async def test_a_deployment_says_who_makes_them_and_how_many():
    policy = OrganizationPolicy(anybody_creates=False, max_owned=1)
    core = in_memory_core(Options(organizations=policy))
    user = await stored_user(core.unit_of_work)
    admin = await stored_user(core.unit_of_work, roles=("platform_admin",))
    create = core.organizations.organizations.create

    with pytest.raises(CreationClosed):
        await create(user, name="One", slug=Slug.parse("one"))
    await create(admin, name="One", slug=Slug.parse("one"))
    with pytest.raises(LimitReached):
        await create(admin, name="Two", slug=Slug.parse("two"))


async def test_what_is_deleted_can_be_restored_by_its_owner(core, service, acme_id, owner, member):
    admin = await member("admin")

    with pytest.raises(PermissionDenied):
        await service.delete(admin.id, acme_id)
    await service.delete(owner.id, acme_id)
    with pytest.raises(OrganizationNotFound):
        await service.edit(owner.id, acme_id, OrganizationChanges(name="x"))
    with pytest.raises(LifecycleConflict):
        await service.delete(owner.id, acme_id)
    await service.restore(owner.id, acme_id)

    assert core.store.organizations[acme_id].is_active
    assert ["organization.deleted", "organization.restored"] == [
        event.type for event in core.published[-2:]
    ]


async def test_the_worker_removes_what_nobody_restored(core, service, acme_id, owner, teams):
    await teams.create(owner.id, acme_id, "Ops")
    deleted = await service.delete(owner.id, acme_id)
    assert 0 == await service.remove_due()

    core.clock.advance(deleted.delete_after - core.clock.now())

    assert [1, 0] == [await service.remove_due(), await service.remove_due()]
    assert ({}, {}, {}) == (
        core.store.organizations,
        core.store.memberships,
        core.store.teams,
    )
    assert "organization.removed" == core.published[-1].type


@pytest.mark.sec("SEC-56")
async def test_everybody_sees_their_own(service, acme, owner, person):
    stranger = await person()

    assert [acme] == await service.mine(owner.id)
    assert [] == await service.mine(stranger.id)


async def test_a_team_has_a_life(core, teams, acme_id, owner, member):
    user = await member()
    team = await teams.create(owner.id, acme_id, "Ops")
    with pytest.raises(TeamNameTaken):
        await teams.create(owner.id, acme_id, "Ops")

    renamed = await teams.rename(owner.id, acme_id, team.id, "SRE", if_version=1)
    await teams.put_member(owner.id, acme_id, team.id, user.id, "member")
    await teams.put_member(owner.id, acme_id, team.id, user.id, "lead")
    assert ["lead"] == [one.membership.role for one in await teams.members(acme_id, team.id)]
    await teams.remove_member(user.id, acme_id, team.id, user.id)
    await teams.delete(owner.id, acme_id, team.id)

    assert 2 == renamed.version
    assert [
        *("team.created", "team.updated", "team.member_added", "team.role_changed"),
        *("team.member_removed", "team.deleted"),
    ] == [event.type for event in core.published if event.type.startswith("team.")]
    for attempt in (
        teams.get(acme_id, team.id),
        teams.delete(owner.id, acme_id, team.id),
        teams.members(acme_id, team.id),
        teams.put_member(owner.id, acme_id, team.id, user.id, "lead"),
        teams.organization_of(team.id),
    ):
        with pytest.raises(TeamNotFound):
            await attempt


@pytest.mark.sec("SEC-57")
async def test_a_lead_leads_their_own_team_only(teams, acme_id, owner, member):
    lead, user = await member(), await member()
    own = await teams.create(owner.id, acme_id, "Own")
    other = await teams.create(owner.id, acme_id, "Other")
    await teams.put_member(owner.id, acme_id, own.id, lead.id, "lead")

    await teams.put_member(lead.id, acme_id, own.id, user.id, "member")
    with pytest.raises(PermissionDenied):
        await teams.put_member(lead.id, acme_id, other.id, user.id, "member")
    with pytest.raises(PermissionDenied):
        await teams.rename(lead.id, acme_id, other.id, "Mine")
    with pytest.raises(PermissionDenied):
        await teams.create(lead.id, acme_id, "New")


@pytest.mark.sec("SEC-55")
async def test_nobody_of_elsewhere_comes_into_a_team(teams, acme_id, owner, person):
    team, stranger = await teams.create(owner.id, acme_id, "Ops"), await person()

    with pytest.raises(MemberNotFound):
        await teams.put_member(owner.id, acme_id, team.id, stranger.id, "member")
    with pytest.raises(MemberNotFound):
        await teams.remove_member(owner.id, acme_id, team.id, stranger.id)


async def test_there_are_as_many_teams_as_the_limit_says(service, teams, acme_id, owner):
    await service.edit(None, acme_id, OrganizationChanges(max_teams=1))
    await teams.create(owner.id, acme_id, "One")

    with pytest.raises(LimitReached):
        await teams.create(owner.id, acme_id, "Two")


@pytest.mark.sec("SEC-59", "SEC-67")
async def test_who_is_invited_joins_once(core, invitations, acme_id, owner, person):
    user = await person()
    invitation = await invitations.invite(owner.id, acme_id, user.email, "viewer")
    code = code_of(core, user.email)

    results = await asyncio.gather(
        *(invitations.accept(user.id, code) for _ in range(MANY)), return_exceptions=True
    )

    joined = [one for one in results if not isinstance(one, Exception)]
    assert [("viewer", user.id)] == [(one.role, one.user_id) for one in joined]
    assert {InvalidLink} == {type(one) for one in results if isinstance(one, Exception)}
    assert ["invitation.created", "invitation.accepted", "membership.added"] == [
        event.type for event in core.published[-3:]
    ]
    stored = msgspec.json.encode([core.published, core.audited], enc_hook=str).decode()
    assert code.partition(".")[2] not in stored + repr(invitation)


@pytest.mark.sec("SEC-59")
async def test_nobody_else_joins_by_it(core, invitations, acme_id, owner, person):
    user, other = await person(), await person()
    unproven = await person(email_verified=False)
    await invitations.invite(owner.id, acme_id, user.email, "member")
    code = code_of(core, user.email)

    with pytest.raises(InvalidLink):
        await invitations.accept(other.id, code)
    with pytest.raises(EmailNotVerified):
        await invitations.accept(unproven.id, code)
    assert "member" == (await invitations.accept(user.id, code)).role


@pytest.mark.sec("SEC-59")
@pytest.mark.parametrize("what", ["revoked", "replaced", "expired", "deleted"])
async def test_what_is_void_opens_nothing(core, service, invitations, acme_id, owner, person, what):
    user = await person()
    invitation = await invitations.invite(owner.id, acme_id, user.email, "member")
    code = code_of(core, user.email)
    match what:
        case "revoked":
            await invitations.revoke(owner.id, acme_id, invitation.id)
            with pytest.raises(InvitationNotFound):
                await invitations.revoke(owner.id, acme_id, invitation.id)
        case "replaced":
            await invitations.invite(owner.id, acme_id, user.email, "viewer")
        case "expired":
            core.clock.advance(timedelta(days=7))
        case "deleted":
            await service.delete(owner.id, acme_id)

    with pytest.raises(InvalidLink):
        await invitations.accept(user.id, code)
    assert (acme_id, user.id) not in core.store.memberships


@pytest.mark.sec("SEC-57")
async def test_nobody_invites_to_a_role_that_he_does_not_hold(
    core, invitations, acme_id, member, person
):
    admin, user, guest = await member("admin"), await member(), await person()

    with pytest.raises(PermissionDenied):
        await invitations.invite(admin.id, acme_id, guest.email, "owner")
    with pytest.raises(PermissionDenied):
        await invitations.invite(user.id, acme_id, guest.email, "viewer")

    await invitations.invite(admin.id, acme_id, guest.email, "admin")
    assert [guest.email] == [one.email for one in await invitations.page(acme_id)]


async def test_old_invitations_are_swept(core, invitations, acme_id, owner, person):
    await invitations.invite(owner.id, acme_id, (await person()).email, "viewer")
    core.clock.advance(timedelta(days=36))
    assert 0 == await invitations.sweep()
    core.clock.advance(timedelta(days=2))

    assert 1 == await invitations.sweep()
    assert {} == core.store.invitations


async def test_a_member_is_not_invited(invitations, acme_id, owner, member):
    user = await member()

    with pytest.raises(AlreadyMember):
        await invitations.invite(owner.id, acme_id, user.email, "viewer")
