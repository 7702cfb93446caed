"""Organizations and their members in memory.

As in PostgreSQL, whoever changes a row locks it first, and a key that somebody else is about to
take is waited for.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import ConcurrentUpdate, OrganizationId, UserId, UserNotFound
from auth_core.organizations import (
    AlreadyMember,
    Belonging,
    Member,
    Membership,
    MembershipRepository,
    Organization,
    OrganizationNotFound,
    OrganizationRepository,
    Slug,
    SlugTaken,
)
from auth_core.testing.store import Transaction


class InMemoryOrganizationRepository:
    """Organizations of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, organization: Organization) -> None:
        """Hold the slug, then see whether it is free."""
        await self._transaction.statement("organizations.add")
        await self._take_slug(organization)
        self._transaction.organizations.put(organization.id, organization)

    async def get(self, organization_id: OrganizationId) -> Organization | None:
        """The organization, or None."""
        await self._transaction.statement("organizations.get")
        return self._transaction.organizations.get(organization_id)

    async def hold(self, organization_id: OrganizationId) -> Organization | None:
        """Wait for whoever holds it."""
        await self._transaction.statement("organizations.hold")
        await self._transaction.lock(("organization", organization_id))
        return self._transaction.organizations.get(organization_id)

    async def hold_with_others(self, organization_id: OrganizationId) -> Organization | None:
        """Wait for whoever holds it; here nobody shares."""
        return await self.hold(organization_id)

    async def update(self, organization: Organization) -> None:
        """Replace it if the stored version is the one before."""
        await self._transaction.statement("organizations.update")
        await self._transaction.lock(("organization", organization.id))
        stored = self._transaction.organizations.get(organization.id)
        if stored is None or stored.version != organization.version - 1:
            raise ConcurrentUpdate
        if stored.slug != organization.slug:
            await self._take_slug(organization)
        self._transaction.organizations.put(organization.id, organization)

    async def named(self, slug: Slug) -> Organization | None:
        """The organization, or None."""
        await self._transaction.statement("organizations.named")
        found = self._transaction.organizations.where(lambda each: each.slug == slug)
        return found[0] if found else None

    async def page(
        self, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Organization]:
        """All of them, in order of id."""
        await self._transaction.statement("organizations.page")
        found = self._transaction.organizations.where(lambda each: after is None or each.id > after)
        return sorted(found, key=lambda each: each.id)[:limit]

    async def claim_due(self, now: datetime) -> OrganizationId | None:
        """Hold the one that is due for longest and free."""
        await self._transaction.statement("organizations.claim_due")
        due = [
            (each.delete_after, each.id)
            for each in self._transaction.organizations.where(lambda _: True)
            if each.delete_after is not None
            and each.delete_after <= now
            and self._transaction.is_free(("organization", each.id))
        ]
        if not due:
            return None
        _, organization_id = min(due)
        await self._transaction.lock(("organization", organization_id))
        return organization_id

    async def remove(self, organization_id: OrganizationId) -> None:
        """Remove it, and its parts with it."""
        await self._transaction.statement("organizations.remove")
        await self._transaction.lock(("organization", organization_id))
        rows = self._transaction
        rows.organizations.drop(organization_id)
        rows.memberships.drop_where(lambda key, _: key[0] == organization_id)
        rows.teams.drop_where(lambda _, team: team.organization_id == organization_id)
        rows.team_memberships.drop_where(lambda key, _: key[0] == organization_id)
        rows.invitations.drop_where(lambda key, _: key[0] == organization_id)
        rows.domains.drop_where(lambda _, domain: domain.organization_id == organization_id)
        theirs = [
            each.id
            for each in rows.webhook_endpoints.values()
            if each.organization_id == organization_id
        ]
        deliveries = [
            each.id for _, each in rows.webhook_deliveries.values() if each.endpoint_id in theirs
        ]
        await rows.delete(rows.webhook_deliveries, deliveries)
        await rows.delete(rows.webhook_endpoints, theirs)

    async def _take_slug(self, organization: Organization) -> None:
        await self._transaction.lock(("slug", organization.slug))
        same = self._transaction.organizations.where(lambda each: each.slug == organization.slug)
        if any(each.id != organization.id for each in same):
            self._transaction.violated(SlugTaken())


class InMemoryMembershipRepository:
    """Memberships of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, membership: Membership) -> None:
        """Hold the pair, then see whether it is free, and whether both are there."""
        rows, key = self._transaction, (membership.organization_id, membership.user_id)
        await rows.statement("memberships.add")
        await rows.lock(("membership", *key))
        if rows.organizations.get(membership.organization_id) is None:
            rows.violated(OrganizationNotFound())
        if membership.user_id not in rows.users:
            rows.violated(UserNotFound())
        if rows.memberships.get(key) is not None:
            rows.violated(AlreadyMember())
        rows.memberships.put(key, membership)

    async def get(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        """The membership, or None."""
        await self._transaction.statement("memberships.get")
        return self._transaction.memberships.get((organization_id, user_id))

    async def page(
        self, organization_id: OrganizationId, *, after: UserId | None = None, limit: int = 100
    ) -> list[Member]:
        """Members in order of user id."""
        await self._transaction.statement("memberships.page")
        found = self._transaction.memberships.where(
            lambda each: (
                each.organization_id == organization_id and (after is None or each.user_id > after)
            )
        )
        found.sort(key=lambda each: each.user_id)
        return [self._member(each) for each in found[:limit]]

    async def count(self, organization_id: OrganizationId) -> int:
        """All of an organization."""
        await self._transaction.statement("memberships.count")
        return len(
            self._transaction.memberships.where(
                lambda each: each.organization_id == organization_id
            )
        )

    async def change_role(
        self, organization_id: OrganizationId, user_id: UserId, role: str, at: datetime
    ) -> Membership | None:
        """Replace the role, if there is such a member."""
        key = (organization_id, user_id)
        await self._transaction.statement("memberships.change_role")
        await self._transaction.lock(("membership", *key))
        stored = self._transaction.memberships.get(key)
        if stored is None:
            return None
        changed = msgspec.structs.replace(stored, role=role, updated_at=at)
        return self._transaction.memberships.put(key, changed)

    async def remove(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        """Drop it, and what the person has in teams."""
        key = (organization_id, user_id)
        await self._transaction.statement("memberships.remove")
        await self._transaction.lock(("membership", *key))
        stored = self._transaction.memberships.get(key)
        self._transaction.memberships.drop(key)
        self._transaction.team_memberships.drop_where(
            lambda key, _: (key[0], key[2]) == (organization_id, user_id)
        )
        return stored

    async def has_owner_besides(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        """Look at the other owners' accounts."""
        await self._transaction.statement("memberships.has_owner_besides")
        return self._has_owner_besides(organization_id, user_id)

    async def hold_account(self, user_id: UserId) -> bool:
        """Wait for whoever changes the account."""
        await self._transaction.statement("memberships.hold_account")
        await self._transaction.lock(user_id)
        user = self._transaction.users.get(user_id)
        return user is not None and user.is_active

    async def belongings(
        self, user_id: UserId, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Belonging]:
        """The person's organizations, in order of id."""
        await self._transaction.statement("memberships.belongings")
        found = self._transaction.memberships.where(
            lambda each: each.user_id == user_id and (after is None or each.organization_id > after)
        )
        found.sort(key=lambda each: each.organization_id)
        organizations = self._transaction.organizations
        return [
            Belonging(organization=organization, membership=each)
            for each in found[:limit]
            if (organization := organizations.get(each.organization_id)) is not None
        ]

    async def hold_sole_ownership(self, user_id: UserId) -> OrganizationId | None:
        """Hold all that the person owns, then look."""
        await self._transaction.statement("memberships.hold_sole_ownership")
        for organization_id in self._owned(user_id):
            await self._transaction.lock(("organization", organization_id))
        for organization_id in self._owned(user_id):
            if not self._has_owner_besides(organization_id, user_id):
                return organization_id
        return None

    def _owned(self, user_id: UserId) -> list[OrganizationId]:
        mine = self._transaction.memberships.where(
            lambda each: each.user_id == user_id and each.is_owner
        )
        organizations = self._transaction.organizations
        return sorted(
            each.organization_id
            for each in mine
            if (found := organizations.get(each.organization_id)) is not None and found.is_active
        )

    def _has_owner_besides(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        owners = self._transaction.memberships.where(
            lambda each: (
                each.organization_id == organization_id
                and each.is_owner
                and each.user_id != user_id
            )
        )
        accounts = [self._transaction.users.get(owner.user_id) for owner in owners]
        return any(account is not None and account.is_active for account in accounts)

    def _member(self, membership: Membership) -> Member:
        user = self._transaction.users[membership.user_id]
        return Member(
            membership=membership,
            username=user.username.value,
            email=user.email.value,
            display_name=user.display_name,
        )


if TYPE_CHECKING:
    _organizations: type[OrganizationRepository] = InMemoryOrganizationRepository
    _memberships: type[MembershipRepository] = InMemoryMembershipRepository
