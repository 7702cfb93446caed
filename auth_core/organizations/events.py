"""Events of organizations. They name people, teams and roles, and carry no text of theirs.

``user_id`` is whom an event is about; those about the organization itself have none.
"""

from auth_core.kernel import DomainEvent, TeamId
from auth_core.organizations.domain import DomainId
from auth_core.organizations.invitation import InvitationId


class OrganizationCreated(DomainEvent, frozen=True, kw_only=True, tag="organization.created"):
    """An organization exists."""


class OrganizationUpdated(DomainEvent, frozen=True, kw_only=True, tag="organization.updated"):
    """An organization changed; ``fields`` names what, never the values."""

    fields: tuple[str, ...]


class OrganizationDeleted(DomainEvent, frozen=True, kw_only=True, tag="organization.deleted"):
    """An organization was deleted; it can be restored for a while."""


class OrganizationRestored(DomainEvent, frozen=True, kw_only=True, tag="organization.restored"):
    """A deleted organization is there again."""


class OrganizationRemoved(DomainEvent, frozen=True, kw_only=True, tag="organization.removed"):
    """Nothing is left here of a deleted organization: whoever keeps a copy removes theirs."""


class OrganizationDomainClaimed(
    DomainEvent, frozen=True, kw_only=True, tag="organization.domain_claimed"
):
    """An organization says that an e-mail domain is its own, which is not proven yet."""

    domain_id: DomainId


class OrganizationDomainVerified(
    DomainEvent, frozen=True, kw_only=True, tag="organization.domain_verified"
):
    """It is proven: whoever proves an address there becomes a member."""

    domain_id: DomainId


class OrganizationDomainRemoved(
    DomainEvent, frozen=True, kw_only=True, tag="organization.domain_removed"
):
    """An organization gave a domain up, proven or not. Its members stay."""

    domain_id: DomainId


class MembershipAdded(DomainEvent, frozen=True, kw_only=True, tag="membership.added"):
    """A person belongs to an organization."""

    role: str


class MembershipRemoved(DomainEvent, frozen=True, kw_only=True, tag="membership.removed"):
    """A person belongs to it no more, nor to any of its teams."""


class MembershipRoleChanged(DomainEvent, frozen=True, kw_only=True, tag="membership.role_changed"):
    """A person has another role in it."""

    role: str
    previous_role: str


class TeamCreated(DomainEvent, frozen=True, kw_only=True, tag="team.created"):
    """An organization has a new team."""

    team_id: TeamId


class TeamUpdated(DomainEvent, frozen=True, kw_only=True, tag="team.updated"):
    """A team has another name."""

    team_id: TeamId


class TeamDeleted(DomainEvent, frozen=True, kw_only=True, tag="team.deleted"):
    """A team is gone."""

    team_id: TeamId


class TeamMemberAdded(DomainEvent, frozen=True, kw_only=True, tag="team.member_added"):
    """A person belongs to a team."""

    team_id: TeamId
    role: str


class TeamMemberRemoved(DomainEvent, frozen=True, kw_only=True, tag="team.member_removed"):
    """A person belongs to it no more."""

    team_id: TeamId


class TeamRoleChanged(DomainEvent, frozen=True, kw_only=True, tag="team.role_changed"):
    """A person has another role in a team."""

    team_id: TeamId
    role: str
    previous_role: str


class InvitationCreated(DomainEvent, frozen=True, kw_only=True, tag="invitation.created"):
    """An address was invited; an earlier invitation of it is void."""

    invitation_id: InvitationId
    role: str


class InvitationRevoked(DomainEvent, frozen=True, kw_only=True, tag="invitation.revoked"):
    """An invitation is void."""

    invitation_id: InvitationId


class InvitationAccepted(DomainEvent, frozen=True, kw_only=True, tag="invitation.accepted"):
    """A person used their invitation."""

    invitation_id: InvitationId
