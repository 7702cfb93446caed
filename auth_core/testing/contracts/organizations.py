"""The contract of `OrganizationRepository`."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import ConcurrentUpdate, OrganizationId
from auth_core.organizations import (
    Organization,
    OrganizationNotFound,
    OrganizationSettings,
    SlugTaken,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    now,
    stored_user,
)
from auth_core.testing.contracts.organizing import (
    new_domain,
    new_invitation,
    new_membership,
    new_organization,
    stored_member,
    stored_membership,
    stored_organization,
    stored_team,
)


class OrganizationRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_what_is_stored_is_found_whole(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(
            unit_of_work,
            settings=OrganizationSettings(domain_role="viewer", invitation_days=30),
            max_members=7,
            max_teams=8,
            version=3,
            delete_after=now() + timedelta(days=1),
        )

        assert organization == await _get(unit_of_work, organization.id)

    async def test_an_unknown_one_is_none(self, unit_of_work: UnitOfWorkFactory) -> None:
        unknown = OrganizationId(fresh_id())
        async with unit_of_work() as uow:
            assert None is await uow.organizations.get(unknown)
            assert None is await uow.organizations.hold(unknown)
            assert None is await uow.organizations.hold_with_others(unknown)
            await uow.organizations.remove(unknown)

    async def test_what_is_not_committed_is_not_there(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = new_organization()
        async with unit_of_work() as uow:
            await uow.organizations.add(organization)

        assert None is await _get(unit_of_work, organization.id)

    async def test_of_racing_additions_of_a_slug_one_stands(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        slug = new_organization().slug

        async def race() -> None:
            await stored_organization(unit_of_work, slug=slug)

        results = await asyncio.gather(*(race() for _ in range(RACERS)), return_exceptions=True)

        assert 1 == results.count(None)
        assert RACERS - 1 == sum(isinstance(result, SlugTaken) for result in results)

    async def test_an_update_stores_everything(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        changed = organization.edited(
            at=now(),
            name="Other",
            slug=new_organization().slug,
            settings=OrganizationSettings(invitation_days=2),
            max_members=1,
            max_teams=2,
            delete_after=now(),
        )

        await _update(unit_of_work, changed)

        assert changed == await _get(unit_of_work, organization.id)

    async def test_an_update_of_another_version_writes_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        late = msgspec.structs.replace(organization, name="late", version=3)

        with pytest.raises(ConcurrentUpdate):
            await _update(unit_of_work, late)

        assert organization == await _get(unit_of_work, organization.id)

    async def test_an_update_takes_no_slug_of_another(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        other = await stored_organization(unit_of_work)
        organization = await stored_organization(unit_of_work)

        with pytest.raises(SlugTaken):
            await _update(unit_of_work, organization.edited(at=now(), slug=other.slug))

    async def test_all_of_them_are_found_by_slug_and_in_order(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        stored = [await stored_organization(unit_of_work) for _ in range(3)]
        stored.sort(key=lambda each: each.id)
        unknown = new_organization().slug

        async with unit_of_work() as uow:
            named = await uow.organizations.named(stored[1].slug)
            nobody = await uow.organizations.named(unknown)
            page = await uow.organizations.page(after=stored[0].id, limit=1000)
            one = await uow.organizations.page(limit=1)

        assert (stored[1], None, 1) == (named, nobody, len(one))
        assert stored[1:] == [each for each in page if each in stored]
        assert page == sorted(page, key=lambda each: each.id)

    @pytest.mark.parametrize("how", ["hold", "hold_with_others"])
    async def test_who_holds_it_makes_others_wait(
        self, unit_of_work: UnitOfWorkFactory, how: str
    ) -> None:
        organization = await stored_organization(unit_of_work)

        async def hold() -> Organization | None:
            async with unit_of_work() as uow:
                held: Organization | None = await getattr(uow.organizations, how)(organization.id)
            return held

        async with unit_of_work() as uow:
            await uow.organizations.hold(organization.id)
            waiting = asyncio.create_task(hold())
            changed = organization.edited(at=now(), name="meanwhile")
            await uow.organizations.update(changed)
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert set() == done
            await uow.commit()

        assert changed == await waiting

    async def test_who_holds_it_with_others_makes_wait_who_wants_it_alone(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)

        async def hold() -> Organization | None:
            async with unit_of_work() as uow:
                return await uow.organizations.hold(organization.id)

        async with unit_of_work() as uow:
            assert organization == await uow.organizations.hold_with_others(organization.id)
            waiting = asyncio.create_task(hold())
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert set() == done

        assert organization == await waiting

    async def test_who_holds_it_keeps_nobody_from_joining(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        async with unit_of_work() as uow:
            await uow.organizations.hold(organization.id)
            joined = await stored_member(unit_of_work, organization)
            assert await uow.memberships.get(organization.id, joined.id)

    async def test_it_goes_with_all_its_parts(self, unit_of_work: UnitOfWorkFactory) -> None:
        owner = await stored_user(unit_of_work)
        organization = await stored_organization(unit_of_work, owner)
        other = await stored_organization(unit_of_work, owner)
        team = await stored_team(unit_of_work, organization)
        invitation, domain = new_invitation(organization), new_domain(organization)
        async with unit_of_work() as uow:
            await uow.invitations.issue(invitation)
            await uow.domains.add(domain)
            await uow.commit()

        async with unit_of_work() as uow:
            await uow.organizations.remove(organization.id)
            await uow.commit()

        async with unit_of_work() as uow:
            assert None is await uow.organizations.get(organization.id)
            assert None is await uow.memberships.get(organization.id, owner.id)
            assert None is await uow.teams.get(organization.id, team.id)
            assert None is await uow.invitations.get(organization.id, invitation.id)
            assert [] == list(await uow.domains.all(organization.id))
            assert other == await uow.organizations.get(other.id)
            assert await uow.memberships.get(other.id, owner.id)

    async def test_only_one_that_is_due_is_claimed(self, unit_of_work: UnitOfWorkFactory) -> None:
        # far in the past, so that it comes before what other tests have left
        long_ago = now() - timedelta(days=30_000)
        due = await stored_organization(unit_of_work, delete_after=long_ago)
        early = long_ago - timedelta(microseconds=1)
        async with unit_of_work() as uow:
            assert due.id != await uow.organizations.claim_due(early)

        async with unit_of_work() as uow:
            assert due.id == await uow.organizations.claim_due(long_ago)
            async with unit_of_work() as another:
                assert due.id != await another.organizations.claim_due(long_ago)
            await uow.organizations.remove(due.id)
            await uow.commit()

    async def test_who_joins_one_that_is_being_removed_does_not(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        user = await stored_user(unit_of_work)
        async with unit_of_work() as uow:
            await uow.organizations.remove(organization.id)
            await uow.commit()

        with pytest.raises(OrganizationNotFound):
            await stored_membership(unit_of_work, new_membership(organization, user))


async def _get(
    unit_of_work: UnitOfWorkFactory, organization_id: OrganizationId
) -> Organization | None:
    async with unit_of_work() as uow:
        return await uow.organizations.get(organization_id)


async def _update(unit_of_work: UnitOfWorkFactory, organization: Organization) -> None:
    async with unit_of_work() as uow:
        await uow.organizations.update(organization)
        await uow.commit()
