"""What the suites of organizations work with."""

import secrets
from datetime import timedelta
from typing import Any

import msgspec

from auth_core.kernel import Email, OrganizationId, TeamId
from auth_core.organizations import (
    MEMBER,
    OWNER,
    DomainId,
    Invitation,
    InvitationId,
    Membership,
    Organization,
    OrganizationDomain,
    Slug,
    Team,
)
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    fresh_name,
    now,
    stored_user,
)
from auth_core.users import User


def new_organization(**changes: Any) -> Organization:
    """An organization that nobody has stored."""
    at, slug = now(), f"o-{secrets.token_hex(8)}"
    organization = Organization(
        id=OrganizationId(fresh_id(at)),
        name='Zoë & Söhne 🦊 "; DROP TABLE organizations; --',
        slug=Slug.parse(slug),
        created_at=at,
        updated_at=at,
    )
    return msgspec.structs.replace(organization, **changes)


def new_membership(organization: Organization, user: User, role: str = MEMBER) -> Membership:
    """A membership that nobody has stored."""
    at = now()
    return Membership(
        organization_id=organization.id, user_id=user.id, role=role, created_at=at, updated_at=at
    )


def new_team(organization: Organization, **changes: Any) -> Team:
    """A team that nobody has stored."""
    at = now()
    team = Team(
        id=TeamId(fresh_id(at)),
        organization_id=organization.id,
        name=f"Team {secrets.token_hex(4)}",
        created_at=at,
        updated_at=at,
    )
    return msgspec.structs.replace(team, **changes)


def new_invitation(organization: Organization, **changes: Any) -> Invitation:
    """An invitation that was made a moment ago."""
    at = now()
    invitation = Invitation(
        id=InvitationId(fresh_id(at)),
        organization_id=organization.id,
        email=Email.parse(f"{fresh_name()}@example.com"),
        role=MEMBER,
        digest=secrets.token_bytes(32),
        created_at=at - timedelta(seconds=1),
        expires_at=at + timedelta(days=7),
    )
    return msgspec.structs.replace(invitation, **changes)


def new_domain(organization: Organization, **changes: Any) -> OrganizationDomain:
    """A claim that nobody has stored."""
    at = now()
    domain = OrganizationDomain(
        id=DomainId(fresh_id(at)),
        organization_id=organization.id,
        domain=f"d-{secrets.token_hex(6)}.example",
        challenge=secrets.token_urlsafe(32),
        created_at=at,
    )
    return msgspec.structs.replace(domain, **changes)


async def stored_organization(
    unit_of_work: UnitOfWorkFactory, *owners: User, **changes: Any
) -> Organization:
    """A committed organization that belongs to ``owners``."""
    organization = new_organization(**changes)
    async with unit_of_work() as uow:
        await uow.organizations.add(organization)
        for owner in owners:
            await uow.memberships.add(new_membership(organization, owner, OWNER))
        await uow.commit()
    return organization


async def stored_member(
    unit_of_work: UnitOfWorkFactory, organization: Organization, role: str = MEMBER
) -> User:
    """Somebody new who has joined."""
    user = await stored_user(unit_of_work)
    await stored_membership(unit_of_work, new_membership(organization, user, role))
    return user


async def stored_membership(unit_of_work: UnitOfWorkFactory, membership: Membership) -> None:
    """Commit it."""
    async with unit_of_work() as uow:
        await uow.memberships.add(membership)
        await uow.commit()


async def stored_team(unit_of_work: UnitOfWorkFactory, organization: Organization) -> Team:
    """A committed team."""
    team = new_team(organization)
    async with unit_of_work() as uow:
        await uow.teams.add(team)
        await uow.commit()
    return team
