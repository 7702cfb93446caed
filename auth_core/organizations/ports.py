"""What organizations need from storage. Every method is of one organization, or says why not."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from auth_core.audit import AuditUnitOfWork
from auth_core.kernel import (
    Email,
    MailUnitOfWork,
    OrganizationId,
    TeamId,
    UnitOfWork,
    UserId,
)
from auth_core.organizations.domain import DomainRepository
from auth_core.organizations.invitation import Invitation, InvitationId
from auth_core.organizations.model import Belonging, Member, Membership, Organization, Slug
from auth_core.organizations.team import Team, TeamMember, TeamMembership
from auth_core.users import UsersUnitOfWork


class OrganizationRepository(Protocol):
    """Organizations by id; their slugs are unique."""

    async def add(self, organization: Organization) -> None:
        """Store a new one. Raises SlugTaken no later than with the commit, also when racing."""
        ...

    async def get(self, organization_id: OrganizationId) -> Organization | None:
        """The organization, deleted or not, or None."""
        ...

    async def hold(self, organization_id: OrganizationId) -> Organization | None:
        """The same as `get`; whoever else holds it waits until this transaction is over.

        Who changes its members or teams holds it first, then looks: limits and the last owner are
        judged by what is committed (SEC-58).
        """
        ...

    async def hold_with_others(self, organization_id: OrganizationId) -> Organization | None:
        """The same as `hold`, for whoever changes nothing in it: several may have it at once, and
        only who wants to `hold` it alone waits, or is waited for.
        """
        ...

    async def update(self, organization: Organization) -> None:
        """Store it if the stored version is the one before.

        Raises ConcurrentUpdate, and writes nothing, when it is another one; SlugTaken, also when
        racing: nothing can commit then.
        """
        ...

    async def named(self, slug: Slug) -> Organization | None:
        """The organization of this slug, of all tenants, deleted or not; for the operator."""
        ...

    async def page(
        self, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Organization]:
        """Up to ``limit`` of all tenants in order of id, deleted or not; for the operator."""
        ...

    async def claim_due(self, now: datetime) -> OrganizationId | None:
        """One whose ``delete_after`` is reached, of any tenant; held until this transaction ends.

        What others hold is left out.
        """
        ...

    async def remove(self, organization_id: OrganizationId) -> None:
        """Remove it with its members, teams, invitations and domains. A no-op for an unknown id."""
        ...


class MembershipRepository(Protocol):
    """Who belongs to which organization; a person at most once to each."""

    async def add(self, membership: Membership) -> None:
        """Store a new one, no later than with the commit.

        Raises AlreadyMember, also when racing, or UserNotFound: nothing can commit then.
        """
        ...

    async def get(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        """The membership, or None."""
        ...

    async def page(
        self, organization_id: OrganizationId, *, after: UserId | None = None, limit: int = 100
    ) -> list[Member]:
        """Up to ``limit`` members in order of user id, after ``after``."""
        ...

    async def count(self, organization_id: OrganizationId) -> int:
        """How many members there are."""
        ...

    async def change_role(
        self, organization_id: OrganizationId, user_id: UserId, role: str, at: datetime
    ) -> Membership | None:
        """Give a member another role; the membership as it is then, or None."""
        ...

    async def remove(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        """End a membership, and those in teams; what it was, or None. One statement."""
        ...

    async def has_owner_besides(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        """Whether somebody else is an owner whose account is active and is not leaving."""
        ...

    async def hold_account(self, user_id: UserId) -> bool:
        """Whether the person's account is active, and stays so until this transaction is over.

        For whoever is about to become an owner, so that nobody becomes the only one and leaves at
        the same time (SEC-58).
        """
        ...

    async def belongings(
        self, user_id: UserId, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Belonging]:
        """Up to ``limit`` organizations of one person, of all tenants, in order of id.

        Those that are deleted are among them: an owner can restore one.
        """
        ...

    async def hold_sole_ownership(self, user_id: UserId) -> OrganizationId | None:
        """An organization that would be without an owner if this person's account went, or None.

        Of all tenants; deleted ones do not count. Holds every organization that the person owns,
        in order of id, then looks.
        """
        ...


class TeamRepository(Protocol):
    """Teams, and their members."""

    async def add(self, team: Team) -> None:
        """Store a new one. Raises TeamNameTaken no later than with the commit."""
        ...

    async def organization_of(self, team_id: TeamId) -> OrganizationId | None:
        """Whose team it is: the one look-up without a tenant, which yields nothing else."""
        ...

    async def get(self, organization_id: OrganizationId, team_id: TeamId) -> Team | None:
        """The team, or None."""
        ...

    async def page(
        self, organization_id: OrganizationId, *, after: TeamId | None = None, limit: int = 100
    ) -> list[Team]:
        """Up to ``limit`` teams in order of id, after ``after``."""
        ...

    async def count(self, organization_id: OrganizationId) -> int:
        """How many teams there are."""
        ...

    async def update(self, team: Team) -> None:
        """Store the name if the stored version is the one before.

        Raises ConcurrentUpdate, or TeamNameTaken: nothing can commit then.
        """
        ...

    async def remove(self, organization_id: OrganizationId, team_id: TeamId) -> bool:
        """Remove a team with its memberships; False when there is none. One statement."""
        ...

    async def put_member(self, membership: TeamMembership) -> TeamMembership | None:
        """Add a member, or give one another role; what was there before, or None.

        Raises MemberNotFound, no later than with the commit, for somebody who is no member of the
        organization, and TeamNotFound for a team that is not the organization's.
        """
        ...

    async def members(
        self,
        organization_id: OrganizationId,
        team_id: TeamId,
        *,
        after: UserId | None = None,
        limit: int = 100,
    ) -> list[TeamMember]:
        """Up to ``limit`` members of a team in order of user id, after ``after``."""
        ...

    async def remove_member(
        self, organization_id: OrganizationId, team_id: TeamId, user_id: UserId
    ) -> TeamMembership | None:
        """End a team membership; what it was, or None."""
        ...

    async def memberships_of(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> list[TeamMembership]:
        """The teams of an organization that somebody is in, in order of id."""
        ...


class InvitationRepository(Protocol):
    """Invitations, one for each organization and address."""

    async def issue(self, invitation: Invitation) -> None:
        """Store it in place of the one that its organization has for its address."""
        ...

    async def get(
        self, organization_id: OrganizationId, invitation_id: InvitationId
    ) -> Invitation | None:
        """The invitation, whatever became of it, or None."""
        ...

    async def page(
        self,
        organization_id: OrganizationId,
        now: datetime,
        *,
        after: InvitationId | None = None,
        limit: int = 100,
    ) -> list[Invitation]:
        """Up to ``limit`` live invitations in order of id, after ``after``."""
        ...

    async def find(
        self, organization_id: OrganizationId, digest: bytes, now: datetime
    ) -> Invitation | None:
        """The live invitation with this digest, untouched, or None."""
        ...

    async def accept(
        self,
        organization_id: OrganizationId,
        digest: bytes,
        email: Email,
        user_id: UserId,
        at: datetime,
    ) -> Invitation | None:
        """Use up the live invitation with this digest for this address, or None.

        One statement: of any number of racing callers whose transactions commit, one gets it.
        """
        ...

    async def revoke(
        self, organization_id: OrganizationId, invitation_id: InvitationId, at: datetime
    ) -> Invitation | None:
        """Make a live invitation void, or None. One statement."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` that expired before ``before``, of all tenants; how many."""
        ...


class RoleLookup(Protocol):
    """What the roles that organizations made permit."""

    async def permitted(
        self, organization_id: OrganizationId, names: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        """What each role of these names permits; there is nothing for a name that no role has.

        Whoever gives a role to somebody holds the organization first: no role goes or changes
        meanwhile.
        """
        ...


class MembershipsUnitOfWork(UnitOfWork, Protocol):
    """A transaction over memberships."""

    @property
    def memberships(self) -> MembershipRepository:
        """Who belongs where, as this transaction sees it."""
        ...


class OrganizationsUnitOfWork(
    UsersUnitOfWork, AuditUnitOfWork, MembershipsUnitOfWork, MailUnitOfWork, Protocol
):
    """A transaction over organizations that leaves a trail and may send mail.

    Whoever takes several takes the organization first, then its parts: one order for all.
    """

    @property
    def organizations(self) -> OrganizationRepository:
        """The organizations, as this transaction sees them."""
        ...

    @property
    def teams(self) -> TeamRepository:
        """Their teams."""
        ...

    @property
    def invitations(self) -> InvitationRepository:
        """Their invitations."""
        ...

    @property
    def roles(self) -> RoleLookup:
        """The roles that they made."""
        ...

    @property
    def domains(self) -> DomainRepository:
        """Their domains."""
        ...
