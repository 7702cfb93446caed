"""The contract of `MembershipRepository`."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.kernel import OrganizationId, UserId, UserNotFound
from auth_core.organizations import (
    ADMIN,
    MEMBER,
    OWNER,
    AlreadyMember,
    Organization,
    TeamMembership,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    new_user,
    now,
    stored_user,
)
from auth_core.testing.contracts.organizing import (
    new_membership,
    stored_member,
    stored_membership,
    stored_organization,
    stored_team,
)
from auth_core.users import UserStatus


class MembershipRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_what_is_stored_is_found_in_its_organization_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        user = await stored_user(unit_of_work)
        membership = new_membership(organization, user, ADMIN)
        async with unit_of_work() as uow:
            await uow.memberships.add(membership)
            await uow.commit()

        async with unit_of_work() as uow:
            assert membership == await uow.memberships.get(organization.id, user.id)
            assert None is await uow.memberships.get(other.id, user.id)

    async def test_of_racing_additions_one_stands(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        user = await stored_user(unit_of_work)

        async def join() -> None:
            async with unit_of_work() as uow:
                await uow.memberships.add(new_membership(organization, user))
                await uow.commit()

        results = await asyncio.gather(*(join() for _ in range(RACERS)), return_exceptions=True)

        assert 1 == results.count(None)
        assert RACERS - 1 == sum(isinstance(result, AlreadyMember) for result in results)

    async def test_nobody_unknown_joins(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)

        with pytest.raises(UserNotFound):
            await stored_membership(unit_of_work, new_membership(organization, new_user()))

    @pytest.mark.sec("SEC-56")
    async def test_a_page_shows_the_organizations_own_in_order(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        users = [await stored_member(unit_of_work, organization) for _ in range(3)]
        await stored_member(unit_of_work, other)
        users.sort(key=lambda user: user.id)

        async with unit_of_work() as uow:
            first = await uow.memberships.page(organization.id, limit=2)
            rest = await uow.memberships.page(organization.id, after=users[1].id, limit=2)
            counted = await uow.memberships.count(organization.id)

        assert [user.id for user in users] == [each.membership.user_id for each in first + rest]
        assert [user.username.value for user in users] == [each.username for each in first + rest]
        assert [user.email.value for user in users] == [each.email for each in first + rest]
        assert users[0].display_name == first[0].display_name
        assert 3 == counted

    async def test_a_role_changes_and_nothing_else(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        user = await stored_member(unit_of_work, organization)
        at = now() + timedelta(seconds=1)

        async with unit_of_work() as uow:
            before = await uow.memberships.get(organization.id, user.id)
            changed = await uow.memberships.change_role(organization.id, user.id, ADMIN, at)
            assert None is await uow.memberships.change_role(other.id, user.id, ADMIN, at)
            await uow.commit()

        assert before is not None
        assert changed is not None
        assert (ADMIN, at, before.created_at) == (
            changed.role,
            changed.updated_at,
            changed.created_at,
        )
        async with unit_of_work() as uow:
            assert changed == await uow.memberships.get(organization.id, user.id)

    async def test_who_leaves_an_organization_leaves_its_teams(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        user = await stored_member(unit_of_work, organization)
        stays = await stored_member(unit_of_work, organization)
        team = await stored_team(unit_of_work, organization)
        async with unit_of_work() as uow:
            for member in (user, stays):
                await uow.teams.put_member(
                    TeamMembership(
                        organization_id=organization.id,
                        team_id=team.id,
                        user_id=member.id,
                        role="lead",
                        created_at=now(),
                    )
                )
            await uow.commit()

        async with unit_of_work() as uow:
            removed = await uow.memberships.remove(organization.id, user.id)
            assert None is await uow.memberships.remove(organization.id, user.id)
            await uow.commit()

        assert removed is not None
        assert (user.id, MEMBER) == (removed.user_id, removed.role)
        async with unit_of_work() as uow:
            left = await uow.teams.members(organization.id, team.id)
            assert [stays.id] == [each.membership.user_id for each in left]

    async def test_the_organizations_of_a_person_come_with_their_roles(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        mine = [await stored_organization(unit_of_work, user) for _ in range(3)]
        await stored_organization(unit_of_work, await stored_user(unit_of_work))
        mine.sort(key=lambda organization: organization.id)

        async with unit_of_work() as uow:
            first = await uow.memberships.belongings(user.id, limit=2)
            rest = await uow.memberships.belongings(user.id, after=mine[1].id)

        assert mine == [each.organization for each in first + rest]
        assert {(user.id, OWNER)} == {
            (each.membership.user_id, each.membership.role) for each in first + rest
        }


class LastOwnerContract:
    """Who is the last owner, also when two ask at once (SEC-58). Needs ``unit_of_work``."""

    @pytest.mark.sec("SEC-58")
    async def test_an_owner_whose_account_is_shut_is_none(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        owner, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        disabled = await stored_user(unit_of_work, status=UserStatus.DISABLED)
        leaving = await stored_user(unit_of_work, delete_after=now() + timedelta(days=1))
        alone = await stored_organization(unit_of_work, owner, disabled, leaving)
        shared = await stored_organization(unit_of_work, owner, other)
        await stored_member(unit_of_work, alone, ADMIN)

        async with unit_of_work() as uow:
            assert not await uow.memberships.has_owner_besides(alone.id, owner.id)
            assert await uow.memberships.has_owner_besides(alone.id, disabled.id)
            assert await uow.memberships.has_owner_besides(shared.id, owner.id)
            assert alone.id == await uow.memberships.hold_sole_ownership(owner.id)
            assert None is await uow.memberships.hold_sole_ownership(other.id)

    @pytest.mark.sec("SEC-58")
    async def test_a_deleted_organization_keeps_nobody(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        owner = await stored_user(unit_of_work)
        await stored_organization(unit_of_work, owner, delete_after=now())

        async with unit_of_work() as uow:
            assert None is await uow.memberships.hold_sole_ownership(owner.id)

    @pytest.mark.sec("SEC-58")
    async def test_of_two_owners_who_leave_at_once_one_stays(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for _ in range(5):
            owners = [await stored_user(unit_of_work) for _ in range(2)]
            organization = await stored_organization(unit_of_work, *owners)

            left = await asyncio.gather(
                *(_leave(unit_of_work, organization, owner.id) for owner in owners)
            )

            assert [False, True] == sorted(left)

    @pytest.mark.sec("SEC-58")
    async def test_of_two_owners_whose_accounts_go_at_once_one_stays(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for _ in range(5):
            owners = [await stored_user(unit_of_work) for _ in range(2)]
            await stored_organization(unit_of_work, *owners)
            await stored_organization(unit_of_work, *owners)

            async def go(user_id: UserId) -> OrganizationId | None:
                async with unit_of_work() as uow:
                    alone = await uow.memberships.hold_sole_ownership(user_id)
                    user = await uow.users.get(user_id)
                    if alone is None and user is not None:
                        await uow.users.update(user.disabled(at=now()))
                        await uow.commit()
                    return alone

            kept = await asyncio.gather(*(go(owner.id) for owner in owners))

            assert 1 == kept.count(None)

    @pytest.mark.sec("SEC-58")
    async def test_who_becomes_an_owner_does_not_leave_at_the_same_time(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        shut = user.disabled(at=now())

        async def shut_out() -> None:
            async with unit_of_work() as uow:
                await uow.users.update(shut)
                await uow.commit()

        async with unit_of_work() as uow:
            assert await uow.memberships.hold_account(user.id)
            waiting = asyncio.create_task(shut_out())
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert set() == done
            await uow.commit()
        await waiting

        async with unit_of_work() as uow:
            assert not await uow.memberships.hold_account(user.id)

    async def test_nobody_unknown_owns_anything(self, unit_of_work: UnitOfWorkFactory) -> None:
        async with unit_of_work() as uow:
            assert None is await uow.memberships.hold_sole_ownership(UserId(fresh_id()))


async def _leave(
    unit_of_work: UnitOfWorkFactory, organization: Organization, user_id: UserId
) -> bool:
    async with unit_of_work() as uow:
        await uow.organizations.hold(organization.id)
        if not await uow.memberships.has_owner_besides(organization.id, user_id):
            return False
        await uow.memberships.remove(organization.id, user_id)
        await uow.commit()
        return True
