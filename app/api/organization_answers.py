"""What requests and answers about organizations look like."""

from typing import Annotated, Self
from uuid import UUID

import msgspec

from app.api.answers import Timestamp, listed_timestamp, timestamp
from auth_core.organizations import (
    SLUG_MAX,
    Belonging,
    Invitation,
    Member,
    Membership,
    Organization,
    OrganizationChanges,
    OrganizationSettings,
    Slug,
    Team,
    TeamMember,
    TeamMembership,
    organization_name,
)


def _text(example: str, longest: int) -> msgspec.Meta:
    return msgspec.Meta(examples=[example], extra_json_schema={"extra": {"maxLength": longest}})


Name = Annotated[str, _text("Acme", 100)]
SlugText = Annotated[str, _text("acme", SLUG_MAX)]
RoleName = Annotated[str, _text("member", 64)]


class AuthOrganizationSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What an organization decides for itself."""

    domain_role: str = "member"
    invitation_days: int = 7

    def checked(self) -> OrganizationSettings:
        """The settings. Raises InvalidInput."""
        return OrganizationSettings.parse(
            domain_role=self.domain_role, invitation_days=self.invitation_days
        )


class AuthNewOrganization(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organization to make."""

    name: Name
    slug: SlugText


class AuthOrganizationChanges(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What to change. Absent fields stay as they are. Only the platform sets limits."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    slug: SlugText | msgspec.UnsetType = msgspec.UNSET
    settings: AuthOrganizationSettings | msgspec.UnsetType = msgspec.UNSET
    max_members: int | msgspec.UnsetType | None = msgspec.UNSET
    max_teams: int | msgspec.UnsetType | None = msgspec.UNSET

    def checked(self) -> OrganizationChanges:
        """The valid changes. Raises InvalidInput."""
        unset = msgspec.UNSET
        return OrganizationChanges(
            name=unset if self.name is unset else organization_name(self.name),
            slug=unset if self.slug is unset else Slug.parse(self.slug),
            settings=unset if self.settings is unset else self.settings.checked(),
            max_members=self.max_members,
            max_teams=self.max_teams,
        ).checked()


class AuthOrganizationDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An organization. ``delete_after``: it is deleted, and can be restored until then."""

    organization_id: UUID
    name: str
    slug: str
    settings: AuthOrganizationSettings
    max_members: int | None
    max_teams: int | None
    created_at: Timestamp
    updated_at: Timestamp
    delete_after: Timestamp | None

    @classmethod
    def of(cls, organization: Organization) -> Self:
        """What is said of one."""
        gone = organization.delete_after
        return cls(
            organization_id=organization.id,
            name=organization.name,
            slug=organization.slug.value,
            settings=AuthOrganizationSettings(
                domain_role=organization.settings.domain_role,
                invitation_days=organization.settings.invitation_days,
            ),
            max_members=organization.max_members,
            max_teams=organization.max_teams,
            created_at=timestamp(organization.created_at),
            updated_at=timestamp(organization.updated_at),
            delete_after=None if gone is None else timestamp(gone),
        )


class AuthBelonging(msgspec.Struct, frozen=True, kw_only=True):
    """An organization of yours, and your role there."""

    organization: AuthOrganizationDetails
    role: str

    @classmethod
    def of(cls, belonging: Belonging) -> Self:
        """What is said of one."""
        return cls(
            organization=AuthOrganizationDetails.of(belonging.organization),
            role=belonging.membership.role,
        )


class AuthBelongings(msgspec.Struct, frozen=True, kw_only=True):
    """Your organizations."""

    items: list[AuthBelonging]
    next_cursor: str | None


class AuthMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an organization."""

    user_id: UUID
    username: str
    email: str
    display_name: str
    role: str
    joined_at: Timestamp

    @classmethod
    def of(cls, member: Member) -> Self:
        """What is said of one."""
        return cls(
            user_id=member.membership.user_id,
            username=member.username,
            email=member.email,
            display_name=member.display_name,
            role=member.membership.role,
            joined_at=listed_timestamp(member.membership.created_at),
        )


class AuthMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Members of an organization."""

    items: list[AuthMember]
    next_cursor: str | None


class AuthMembership(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody belongs to an organization, with one role."""

    organization_id: UUID
    user_id: UUID
    role: str
    joined_at: Timestamp

    @classmethod
    def of(cls, membership: Membership) -> Self:
        """What is said of one."""
        return cls(
            organization_id=membership.organization_id,
            user_id=membership.user_id,
            role=membership.role,
            joined_at=timestamp(membership.created_at),
        )


class AuthMemberRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The role to give, by its name: a built-in one, or one that the organization made."""

    role: RoleName


class AuthTransfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The member who becomes the owner."""

    new_owner_id: UUID


class AuthTeam(msgspec.Struct, frozen=True, kw_only=True):
    """A team of an organization."""

    team_id: UUID
    organization_id: UUID
    name: str
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, team: Team) -> Self:
        """What is said of one."""
        return cls(
            team_id=team.id,
            organization_id=team.organization_id,
            name=team.name,
            created_at=timestamp(team.created_at),
            updated_at=timestamp(team.updated_at),
        )


class AuthTeams(msgspec.Struct, frozen=True, kw_only=True):
    """Teams of an organization."""

    items: list[AuthTeam]
    next_cursor: str | None


class AuthTeamName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The name of a team."""

    name: Name


class AuthTeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a team."""

    user_id: UUID
    username: str
    display_name: str
    role: str

    @classmethod
    def of(cls, member: TeamMember) -> Self:
        """What is said of one."""
        return cls(
            user_id=member.membership.user_id,
            username=member.username,
            display_name=member.display_name,
            role=member.membership.role,
        )


class AuthTeamMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Members of a team."""

    items: list[AuthTeamMember]
    next_cursor: str | None


class AuthTeamMembership(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody belongs to a team, with one role."""

    team_id: UUID
    user_id: UUID
    role: str

    @classmethod
    def of(cls, membership: TeamMembership) -> Self:
        """What is said of one."""
        return cls(team_id=membership.team_id, user_id=membership.user_id, role=membership.role)


class AuthNewInvitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to invite, and as what."""

    email: Annotated[str, _text("jane.roe@example.com", 254)]
    role: RoleName = "member"


class AuthInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that can be accepted. Its secret is in the letter only."""

    invitation_id: UUID
    organization_id: UUID
    email: str
    role: str
    invited_by: UUID | None
    created_at: Timestamp
    expires_at: Timestamp

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """What is said of one."""
        return cls(
            invitation_id=invitation.id,
            organization_id=invitation.organization_id,
            email=invitation.email.value,
            role=invitation.role,
            invited_by=invitation.invited_by,
            created_at=timestamp(invitation.created_at),
            expires_at=timestamp(invitation.expires_at),
        )


class AuthInvitations(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations of an organization that can be accepted."""

    items: list[AuthInvitation]
    next_cursor: str | None


class AuthAcceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The invitation as the letter shows it."""

    token: Annotated[str, msgspec.Meta(extra_json_schema={"extra": {"maxLength": 100}})]

    def __repr__(self) -> str:
        return "AuthAcceptance(…)"
