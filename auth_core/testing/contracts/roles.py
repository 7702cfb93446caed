"""The contracts of `RoleRepository` and `GrantsReader`."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auth_core.access import Grants, OrganizationGrant, TeamGrant
from auth_core.kernel import ConcurrentUpdate, EventId, RoleId, UserId
from auth_core.organizations import ADMIN, VIEWER, Organization, Team, TeamMembership
from auth_core.roles import CustomRole, RoleNameTaken, RoleUpdated
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_session,
    stored_user,
)
from auth_core.testing.contracts.organizing import (
    new_invitation,
    new_membership,
    stored_member,
    stored_membership,
    stored_organization,
    stored_team,
)
from auth_core.users import RoleAssigned, User, UserUpdated


def new_role(organization: Organization, **changes: Any) -> CustomRole:
    """A role that nobody has stored."""
    at = now()
    role = CustomRole(
        id=RoleId(fresh_id(at)),
        organization_id=organization.id,
        name=f"role-{secrets.token_hex(4)}",
        permissions=("cases:read", "cases:write"),
        description='Zoë\'s "role"; DROP TABLE roles; --',
        created_at=at,
        updated_at=at,
    )
    return msgspec.structs.replace(role, **changes)


async def stored_role(unit_of_work: UnitOfWorkFactory, organization: Organization) -> CustomRole:
    """A committed role."""
    role = new_role(organization)
    async with unit_of_work().for_organization(organization.id) as uow:
        await uow.roles.add(role)
        await uow.commit()
    return role


class RoleRepositoryContract:
    """Fixture: ``unit_of_work``."""

    async def test_a_role_comes_back_as_it_was_stored(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        role = await stored_role(unit_of_work, organization)

        async with unit_of_work().for_organization(organization.id) as uow:
            assert role == await uow.roles.get(organization.id, role.id)
            assert role == await uow.roles.find(organization.id, role.name)
            assert [role] == await uow.roles.page(organization.id)
            assert 1 == await uow.roles.count(organization.id)

    @pytest.mark.sec("SEC-56")
    async def test_a_role_of_another_organization_is_none(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        role = await stored_role(unit_of_work, organization)
        changed = msgspec.structs.replace(role, organization_id=other.id, version=2)

        async with unit_of_work().for_organization(other.id) as uow:
            assert None is await uow.roles.get(other.id, role.id)
            assert None is await uow.roles.find(other.id, role.name)
            assert [] == await uow.roles.page(other.id)
            assert 0 == await uow.roles.count(other.id)
            assert not await uow.roles.remove(other.id, role.id)
            with pytest.raises(ConcurrentUpdate):
                await uow.roles.update(changed)

    async def test_of_two_roles_with_a_name_one_is_stored(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        elsewhere = await stored_organization(unit_of_work)

        async def add(organization: Organization) -> bool:
            try:
                async with unit_of_work().for_organization(organization.id) as uow:
                    await uow.roles.add(new_role(organization, name="auditor"))
                    await uow.commit()
            except RoleNameTaken:
                return False
            return True

        assert 1 == sum(await asyncio.gather(*(add(organization) for _ in range(4))))
        assert await add(elsewhere)

    async def test_roles_come_in_pages(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        roles = [await stored_role(unit_of_work, organization) for _ in range(3)]
        first, second, third = sorted(roles, key=lambda role: role.id)

        async with unit_of_work().for_organization(organization.id) as uow:
            assert [first, second] == await uow.roles.page(organization.id, limit=2)
            assert [third] == await uow.roles.page(organization.id, after=second.id)

    async def test_a_change_is_stored_on_the_version_before_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        role = await stored_role(unit_of_work, organization)
        changed = role.edited(at=now(), permissions=("cases:read",), description="")

        async with unit_of_work().for_organization(organization.id) as uow:
            await uow.roles.update(changed)
            await uow.commit()
        async with unit_of_work().for_organization(organization.id) as uow:
            with pytest.raises(ConcurrentUpdate):
                await uow.roles.update(changed)
        async with unit_of_work().for_organization(organization.id) as uow:
            assert changed == await uow.roles.get(organization.id, role.id)

    async def test_a_removed_role_is_gone(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        role = await stored_role(unit_of_work, organization)

        async with unit_of_work().for_organization(organization.id) as uow:
            assert await uow.roles.remove(organization.id, role.id)
            await uow.commit()
        async with unit_of_work().for_organization(organization.id) as uow:
            assert not await uow.roles.remove(organization.id, role.id)

    async def test_who_holds_a_role_and_who_is_invited_with_it(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        role = await stored_role(unit_of_work, organization)
        holders = [await stored_member(unit_of_work, organization, role.name) for _ in range(2)]
        await stored_member(unit_of_work, organization, VIEWER)
        await stored_member(unit_of_work, other, role.name)
        in_team = await stored_member(unit_of_work, organization)
        team, at = await stored_team(unit_of_work, organization), now()
        for user in (in_team, holders[0]):
            await _put(unit_of_work, user, team, role=role.name)
        invitation = new_invitation(organization, role=role.name)

        async with unit_of_work().for_organization(organization.id) as uow:
            held = await uow.roles.holders(organization.id, role.name)
            assert sorted(user.id for user in (*holders, in_team)) == held
            assert not await uow.roles.is_awaited(organization.id, role.name, at)
            await uow.invitations.issue(invitation)
            await uow.commit()
        async with unit_of_work().for_organization(organization.id) as uow:
            assert await uow.roles.is_awaited(organization.id, role.name, at)
            assert not await uow.roles.is_awaited(organization.id, VIEWER, at)
            late = invitation.expires_at
            assert not await uow.roles.is_awaited(organization.id, role.name, late)
            await uow.invitations.revoke(organization.id, invitation.id, at)
            assert not await uow.roles.is_awaited(organization.id, role.name, at)

    @pytest.mark.sec("SEC-56")
    async def test_what_roles_permit_is_told_of_those_that_there_are(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        one, two = [await stored_role(unit_of_work, organization) for _ in range(2)]
        elsewhere = await stored_role(unit_of_work, other)
        names = [one.name, two.name, elsewhere.name, VIEWER]

        async with unit_of_work().for_organization(organization.id) as uow:
            permitted = await uow.roles.permitted(organization.id, names)
            assert {} == await uow.roles.permitted(organization.id, [])

        assert {one.name: one.permissions, two.name: two.permissions} == permitted


class GrantsReaderContract:
    """Fixture: ``unit_of_work``."""

    async def test_whoever_has_nothing_was_granted_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)

        assert () == await _of(unit_of_work, user.id)
        assert () == await _of(unit_of_work, UserId(fresh_id()))

    async def test_all_that_somebody_was_granted_comes_with_every_session(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        one, two = sorted(
            [await stored_organization(unit_of_work) for _ in range(2)], key=lambda each: each.id
        )
        role = await stored_role(unit_of_work, two)
        await stored_membership(unit_of_work, new_membership(one, user, ADMIN))
        await stored_membership(unit_of_work, new_membership(two, user, role.name))
        teams = sorted(
            [await stored_team(unit_of_work, two) for _ in range(2)], key=lambda each: each.id
        )
        await stored_team(unit_of_work, one)
        own = await stored_role(unit_of_work, two)
        for team, name in zip(teams, ("lead", own.name), strict=True):
            await _put(unit_of_work, user, team, role=name)
        session = await stored_session(unit_of_work, user)

        expected = (
            OrganizationGrant(organization_id=one.id, name=one.name, role=ADMIN),
            OrganizationGrant(
                organization_id=two.id,
                name=two.name,
                role=role.name,
                permissions=("cases:read", "cases:write"),
                teams=(
                    TeamGrant(teams[0].id, "lead"),
                    TeamGrant(teams[1].id, own.name, own.permissions),
                ),
            ),
        )
        assert expected == await _of(unit_of_work, user.id)
        async with unit_of_work() as uow:
            state = await uow.sessions.state(session.id, now())
        assert state is not None
        assert expected == state.grants

    async def test_a_deleted_organization_is_told(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        organization = await stored_organization(unit_of_work, user)
        async with unit_of_work().for_organization(organization.id) as uow:
            await uow.organizations.update(organization.deleted(at=now(), grace=timedelta(days=1)))
            await uow.commit()

        assert [False] == [grant.active for grant in await _of(unit_of_work, user.id)]

    async def test_whose_grants_changed_is_read_from_the_events(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        organization = await stored_organization(unit_of_work)
        members = [await stored_member(unit_of_work, organization) for _ in range(2)]
        at = now()
        old = at - timedelta(seconds=10)
        assigned = RoleAssigned(
            id=EventId(fresh_id(at)), occurred_at=at, user_id=user.id, role="admin"
        )
        updated = RoleUpdated(
            id=EventId(fresh_id(at)),
            occurred_at=at,
            user_id=None,
            organization_id=organization.id,
            role_id=RoleId(fresh_id()),
        )
        async with unit_of_work() as uow:
            await uow.outbox.add(
                [
                    assigned,
                    updated,
                    UserUpdated(
                        id=EventId(fresh_id(at)), occurred_at=at, user_id=other.id, fields=()
                    ),
                    RoleAssigned(
                        id=EventId(fresh_id(old)), occurred_at=old, user_id=other.id, role="admin"
                    ),
                ]
            )
            await uow.commit()

        async with unit_of_work() as uow:
            changes = await uow.grants.changed_since(at - timedelta(seconds=5))
        ours = {user.id, other.id, *(member.id for member in members)}
        assert {
            (assigned.id, user.id),
            *((updated.id, member.id) for member in members),
        } == {(one.event_id, one.user_id) for one in changes if one.user_id in ours}


async def _of(unit_of_work: UnitOfWorkFactory, user_id: UserId) -> Grants:
    async with unit_of_work() as uow:
        return await uow.grants.of(user_id)


async def _put(unit_of_work: UnitOfWorkFactory, user: User, team: Team, *, role: str) -> None:
    membership = TeamMembership(
        organization_id=team.organization_id,
        team_id=team.id,
        user_id=user.id,
        role=role,
        created_at=now(),
    )
    async with unit_of_work().for_organization(team.organization_id) as uow:
        await uow.teams.put_member(membership)
        await uow.commit()
