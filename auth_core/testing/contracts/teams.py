"""The contract of `TeamRepository`."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import ConcurrentUpdate, TeamId, UserId
from auth_core.organizations import (
    LEAD,
    TEAM_MEMBER,
    MemberNotFound,
    Team,
    TeamMembership,
    TeamNameTaken,
    TeamNotFound,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_user,
)
from auth_core.testing.contracts.organizing import (
    new_team,
    stored_member,
    stored_organization,
    stored_team,
)


class TeamRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    @pytest.mark.sec("SEC-55")
    async def test_a_team_is_found_in_its_organization_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        team = await stored_team(unit_of_work, organization)

        async with unit_of_work() as uow:
            assert team == await uow.teams.get(organization.id, team.id)
            assert None is await uow.teams.get(other.id, team.id)
            assert organization.id == await uow.teams.organization_of(team.id)
            assert None is await uow.teams.organization_of(TeamId(fresh_id()))

    async def test_of_racing_additions_of_a_name_one_stands(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        name = new_team(organization).name

        async def add(team: Team) -> None:
            async with unit_of_work() as uow:
                await uow.teams.add(team)
                await uow.commit()

        racing = (add(new_team(organization, name=name)) for _ in range(RACERS))
        results = await asyncio.gather(*racing, return_exceptions=True)

        assert 1 == results.count(None)
        assert RACERS - 1 == sum(isinstance(result, TeamNameTaken) for result in results)
        await add(new_team(other, name=name))  # another tenant's names are no matter

    @pytest.mark.sec("SEC-56")
    async def test_a_page_shows_the_organizations_own_in_order(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        await stored_team(unit_of_work, await stored_organization(unit_of_work))
        teams = [await stored_team(unit_of_work, organization) for _ in range(3)]
        teams.sort(key=lambda team: team.id)

        async with unit_of_work() as uow:
            assert teams[:2] == await uow.teams.page(organization.id, limit=2)
            assert teams[2:] == await uow.teams.page(organization.id, after=teams[1].id)
            assert 3 == await uow.teams.count(organization.id)

    async def test_a_name_changes_in_one_version(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        team = await stored_team(unit_of_work, organization)
        renamed = team.renamed("Other", at=now())

        await _update(unit_of_work, renamed)
        with pytest.raises(ConcurrentUpdate):
            await _update(unit_of_work, renamed)

        async with unit_of_work() as uow:
            assert renamed == await uow.teams.get(organization.id, team.id)

    async def test_a_name_of_another_team_is_not_taken(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        team, other = [await stored_team(unit_of_work, organization) for _ in range(2)]

        with pytest.raises(TeamNameTaken):
            await _update(unit_of_work, team.renamed(other.name, at=now()))

    @pytest.mark.sec("SEC-55")
    async def test_nobody_changes_a_team_of_another_organization(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        team = await stored_team(unit_of_work, organization)
        foreign = msgspec.structs.replace(team, organization_id=other.id)

        with pytest.raises(ConcurrentUpdate):
            await _update(unit_of_work, foreign.renamed("Mine", at=now()))
        async with unit_of_work() as uow:
            assert not await uow.teams.remove(other.id, team.id)
            assert team == await uow.teams.get(organization.id, team.id)

    async def test_a_team_goes_with_its_members(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        user = await stored_member(unit_of_work, organization)
        team = await stored_team(unit_of_work, organization)
        await _put(unit_of_work, _membership(team, user.id))

        async with unit_of_work() as uow:
            assert await uow.teams.remove(organization.id, team.id)
            assert not await uow.teams.remove(organization.id, team.id)
            await uow.commit()

        async with unit_of_work() as uow:
            assert [] == await uow.teams.members(organization.id, team.id)
            assert [] == await uow.teams.memberships_of(organization.id, user.id)
            assert await uow.memberships.get(organization.id, user.id)

    async def test_who_is_put_twice_has_the_second_role(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        user = await stored_member(unit_of_work, organization)
        team = await stored_team(unit_of_work, organization)
        first = _membership(team, user.id)
        later = first.created_at + timedelta(seconds=1)
        second = msgspec.structs.replace(first, role=LEAD, created_at=later)

        assert None is await _put(unit_of_work, first)
        assert first == await _put(unit_of_work, second)

        now_lead = msgspec.structs.replace(first, role=LEAD)
        async with unit_of_work() as uow:
            (member,) = await uow.teams.members(organization.id, team.id)
            assert now_lead == member.membership
            assert (user.username.value, user.display_name) == (
                member.username,
                member.display_name,
            )
            assert [now_lead] == await uow.teams.memberships_of(organization.id, user.id)
            assert now_lead == await uow.teams.remove_member(organization.id, team.id, user.id)
            assert None is await uow.teams.remove_member(organization.id, team.id, user.id)

    @pytest.mark.sec("SEC-55")
    async def test_people_and_teams_of_different_tenants_never_come_together(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        team = await stored_team(unit_of_work, organization)
        stranger = await stored_member(unit_of_work, other)
        nobodys = await stored_user(unit_of_work)

        for user in (stranger, nobodys):
            with pytest.raises(MemberNotFound):
                await _put(unit_of_work, _membership(team, user.id))
        foreign = msgspec.structs.replace(_membership(team, stranger.id), organization_id=other.id)
        with pytest.raises(TeamNotFound):
            await _put(unit_of_work, foreign)

    @pytest.mark.sec("SEC-56")
    async def test_a_page_of_members_is_of_one_team(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        team, other = [await stored_team(unit_of_work, organization) for _ in range(2)]
        users = [await stored_member(unit_of_work, organization) for _ in range(3)]
        users.sort(key=lambda user: user.id)
        for user in users:
            await _put(unit_of_work, _membership(team, user.id))
        await _put(unit_of_work, _membership(other, users[0].id))

        async with unit_of_work() as uow:
            first = await uow.teams.members(organization.id, team.id, limit=2)
            rest = await uow.teams.members(organization.id, team.id, after=users[1].id)

        assert [user.id for user in users] == [each.membership.user_id for each in first + rest]


def _membership(team: Team, user_id: UserId) -> TeamMembership:
    return TeamMembership(
        organization_id=team.organization_id,
        team_id=team.id,
        user_id=user_id,
        role=TEAM_MEMBER,
        created_at=now(),
    )


async def _put(
    unit_of_work: UnitOfWorkFactory, membership: TeamMembership
) -> TeamMembership | None:
    async with unit_of_work() as uow:
        before = await uow.teams.put_member(membership)
        await uow.commit()
    return before


async def _update(unit_of_work: UnitOfWorkFactory, team: Team) -> None:
    async with unit_of_work() as uow:
        await uow.teams.update(team)
        await uow.commit()
