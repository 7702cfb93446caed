"""The contracts of `InvitationRepository` and `DomainRepository`."""

import asyncio
import secrets
from datetime import datetime, timedelta

import msgspec
import pytest

from auth_core.kernel import Email, UserId
from auth_core.organizations import (
    ADMIN,
    DomainTaken,
    Invitation,
    Organization,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    fresh_name,
    now,
)
from auth_core.testing.contracts.organizing import (
    new_domain,
    new_invitation,
    stored_organization,
)

MANY = 50


class InvitationRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    @pytest.mark.sec("SEC-55")
    async def test_what_is_issued_is_found_in_its_organization_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        invitation = await _issue(unit_of_work, organization, invited_by=UserId(fresh_id()))

        async with unit_of_work() as uow:
            of = uow.invitations
            assert invitation == await of.get(organization.id, invitation.id)
            assert invitation == await of.find(organization.id, invitation.digest, now())
            assert [invitation] == await of.page(organization.id, now())
            assert None is await of.get(other.id, invitation.id)
            assert None is await of.find(other.id, invitation.digest, now())
            assert [] == await of.page(other.id, now())
            assert None is await of.revoke(other.id, invitation.id, now())
            assert None is await of.accept(
                other.id, invitation.digest, invitation.email, UserId(fresh_id()), now()
            )

    @pytest.mark.sec("SEC-59")
    async def test_of_fifty_racing_redemptions_one_gets_it(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        invitation = await _issue(unit_of_work, await stored_organization(unit_of_work))

        accepted = await asyncio.gather(*(_accept(unit_of_work, invitation) for _ in range(MANY)))

        assert MANY - 1 == accepted.count(None)

    @pytest.mark.sec("SEC-59")
    async def test_it_is_for_its_address_only(self, unit_of_work: UnitOfWorkFactory) -> None:
        invitation = await _issue(unit_of_work, await stored_organization(unit_of_work))
        another = msgspec.structs.replace(
            invitation, email=Email.parse(f"{fresh_name()}@example.com")
        )

        assert None is await _accept(unit_of_work, another)
        assert await _accept(unit_of_work, invitation)

    @pytest.mark.sec("SEC-59")
    async def test_it_ends_at_its_time(self, unit_of_work: UnitOfWorkFactory) -> None:
        invitation = await _issue(unit_of_work, await stored_organization(unit_of_work))
        moment = timedelta(microseconds=1)

        assert None is await _accept(unit_of_work, invitation, invitation.expires_at)
        assert await _accept(unit_of_work, invitation, invitation.expires_at - moment)

    @pytest.mark.sec("SEC-59")
    async def test_one_that_is_revoked_or_used_is_void(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        revoked = await _issue(unit_of_work, organization)
        used = await _issue(unit_of_work, organization)
        assert await _accept(unit_of_work, used)

        async with unit_of_work() as uow:
            assert await uow.invitations.revoke(organization.id, revoked.id, now())
            assert None is await uow.invitations.revoke(organization.id, revoked.id, now())
            assert None is await uow.invitations.revoke(organization.id, used.id, now())
            await uow.commit()

        assert None is await _accept(unit_of_work, revoked)
        async with unit_of_work() as uow:
            assert [] == await uow.invitations.page(organization.id, now())

    @pytest.mark.sec("SEC-59")
    async def test_a_new_one_makes_the_old_one_void(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        old = await _issue(unit_of_work, organization)
        new = await _issue(unit_of_work, organization, email=old.email, role=ADMIN)

        assert None is await _accept(unit_of_work, old)
        accepted = await _accept(unit_of_work, new)

        assert accepted is not None
        assert (new.id, ADMIN) == (accepted.id, accepted.role)

    @pytest.mark.sec("SEC-56")
    async def test_a_page_goes_on_after_the_last_one(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        await _issue(unit_of_work, await stored_organization(unit_of_work))
        issued = [await _issue(unit_of_work, organization) for _ in range(3)]
        issued.sort(key=lambda each: each.id)

        async with unit_of_work() as uow:
            assert issued[:2] == await uow.invitations.page(organization.id, now(), limit=2)
            assert issued[2:] == await uow.invitations.page(
                organization.id, now(), after=issued[1].id
            )

    async def test_what_expired_long_ago_is_swept(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        long_ago = now() - timedelta(days=30_000)
        over = await _issue(unit_of_work, organization, created_at=long_ago, expires_at=long_ago)
        stays = await _issue(unit_of_work, organization)

        async with unit_of_work() as uow:
            assert 1 <= await uow.invitations.sweep(long_ago + timedelta(days=1), 1000)
            await uow.commit()

        async with unit_of_work() as uow:
            assert None is await uow.invitations.get(organization.id, over.id)
            assert stays == await uow.invitations.get(organization.id, stays.id)


class DomainRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    @pytest.mark.sec("SEC-55")
    async def test_a_claim_is_found_in_its_organization_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        other = await stored_organization(unit_of_work)
        domain = new_domain(organization)
        async with unit_of_work() as uow:
            await uow.domains.add(domain)
            await uow.commit()

        async with unit_of_work() as uow:
            assert domain == await uow.domains.get(organization.id, domain.id)
            assert [domain] == list(await uow.domains.all(organization.id))
            assert None is await uow.domains.get(other.id, domain.id)
            assert [] == list(await uow.domains.all(other.id))
            assert None is await uow.domains.verify(other.id, domain.id, now())
            assert not await uow.domains.remove(other.id, domain.id)
            assert None is await uow.domains.owner(domain.domain)

    async def test_nobody_claims_a_domain_twice(self, unit_of_work: UnitOfWorkFactory) -> None:
        organization = await stored_organization(unit_of_work)
        domain = new_domain(organization)
        async with unit_of_work() as uow:
            await uow.domains.add(domain)
            await uow.commit()

        with pytest.raises(DomainTaken):
            async with unit_of_work() as uow:
                await uow.domains.add(new_domain(organization, domain=domain.domain))

    async def test_of_racing_proofs_of_a_domain_one_stands(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        name = new_domain(await stored_organization(unit_of_work)).domain
        claims = []
        for _ in range(RACERS):
            claims.append(new_domain(await stored_organization(unit_of_work), domain=name))
            async with unit_of_work() as uow:
                await uow.domains.add(claims[-1])
                await uow.commit()

        async def prove(number: int) -> None:
            claim = claims[number]
            async with unit_of_work() as uow:
                assert await uow.domains.verify(claim.organization_id, claim.id, now())
                await uow.commit()

        racing = (prove(number) for number in range(RACERS))
        results = await asyncio.gather(*racing, return_exceptions=True)

        assert RACERS - 1 == sum(isinstance(result, DomainTaken) for result in results)
        async with unit_of_work() as uow:
            owner = await uow.domains.owner(name)
        assert owner is not None
        assert claims[results.index(None)].organization_id == owner.organization_id

    async def test_a_proof_is_dated_once_and_goes_with_the_claim(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        organization = await stored_organization(unit_of_work)
        domain, at = new_domain(organization), now()
        async with unit_of_work() as uow:
            await uow.domains.add(domain)
            await uow.domains.verify(organization.id, domain.id, at)
            again = await uow.domains.verify(organization.id, domain.id, at + timedelta(days=1))
            await uow.commit()

        assert msgspec.structs.replace(domain, verified_at=at) == again
        async with unit_of_work() as uow:
            assert again == await uow.domains.owner(domain.domain)
            assert await uow.domains.remove(organization.id, domain.id)
            assert not await uow.domains.remove(organization.id, domain.id)
            await uow.commit()
        async with unit_of_work() as uow:
            assert None is await uow.domains.owner(domain.domain)


async def _issue(
    unit_of_work: UnitOfWorkFactory, organization: Organization, **changes: object
) -> Invitation:
    invitation = new_invitation(organization, **changes, digest=secrets.token_bytes(32))
    async with unit_of_work() as uow:
        await uow.invitations.issue(invitation)
        await uow.commit()
    return invitation


async def _accept(
    unit_of_work: UnitOfWorkFactory, invitation: Invitation, at: datetime | None = None
) -> Invitation | None:
    async with unit_of_work() as uow:
        accepted = await uow.invitations.accept(
            invitation.organization_id,
            invitation.digest,
            invitation.email,
            UserId(fresh_id()),
            at or now(),
        )
        await uow.commit()
    return accepted
