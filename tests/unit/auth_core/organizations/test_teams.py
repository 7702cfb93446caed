"""Teams of an organization: who may do what in them, and what changes nothing."""

import pytest

from auth_core.kernel import PermissionDenied, PreconditionFailed
from auth_core.organizations import OrganizationNotFound, TeamNotFound
from auth_core.testing.contracts.making import fresh_id


@pytest.fixture
def teams(core):
    return core.organizations.teams


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


@pytest.fixture
async def support(teams, owner, acme_id):
    return await teams.create(owner.id, acme_id, "Support")


async def test_the_operator_may_do_everything_in_an_organization(
    core, teams, owner, member, acme_id, support
):
    user = await member()

    renamed = await teams.rename(None, acme_id, support.id, "Help")
    await teams.put_member(None, acme_id, support.id, user.id, "lead")
    await core.organizations.members.change_role(None, acme_id, user.id, "viewer")
    await core.organizations.organizations.delete(None, acme_id)
    restored = await core.organizations.organizations.restore(None, acme_id)

    assert ("Help", None) == (renamed.name, restored.delete_after)
    assert "viewer" == core.store.memberships[acme_id, user.id].role
    [lead] = await teams.members(acme_id, support.id)
    assert (user.id, "lead") == (lead.membership.user_id, lead.membership.role)


async def test_what_is_as_it_is_wanted_is_not_changed(core, teams, owner, member, acme_id, support):
    user = await member()
    await teams.put_member(owner.id, acme_id, support.id, user.id, "member")
    told = len(core.published)

    assert support == await teams.rename(owner.id, acme_id, support.id, "Support")
    await teams.put_member(owner.id, acme_id, support.id, user.id, "member")
    await core.organizations.members.change_role(owner.id, acme_id, user.id, "member")
    await core.organizations.members.transfer(owner.id, acme_id, owner.id)

    assert told == len(core.published)
    assert "owner" == core.store.memberships[acme_id, owner.id].role


@pytest.mark.sec("SEC-55")
async def test_to_whoever_is_nobody_there_there_is_no_organization(
    core, teams, person, acme_id, support
):
    stranger = await person()

    for attempt in (
        teams.rename(stranger.id, acme_id, support.id, "Mine"),
        teams.put_member(stranger.id, acme_id, support.id, stranger.id, "lead"),
        teams.create(stranger.id, acme_id, "Mine"),
        core.organizations.members.remove(stranger.id, acme_id, stranger.id),
    ):
        with pytest.raises((OrganizationNotFound, TeamNotFound)) as refused:
            await attempt
        assert not isinstance(refused.value, PermissionDenied)

    assert "Support" == (await teams.get(acme_id, support.id)).name


async def test_whoever_is_shut_out_acts_no_more(core, teams, owner, member, acme_id, support):
    admin = await member("admin")
    await core.lifecycle.disable(admin.id)

    with pytest.raises(PermissionDenied):
        await teams.rename(admin.id, acme_id, support.id, "Mine")

    assert "Support" == (await teams.get(acme_id, support.id)).name


async def test_an_old_version_or_an_unknown_team_changes_nothing(teams, owner, acme_id, support):
    await teams.rename(owner.id, acme_id, support.id, "Help")

    with pytest.raises(PreconditionFailed):
        await teams.rename(owner.id, acme_id, support.id, "Mine", if_version=support.version)
    with pytest.raises(TeamNotFound):
        await teams.rename(owner.id, acme_id, fresh_id(), "Mine")

    assert "Help" == (await teams.get(acme_id, support.id)).name
