"""What goes wrong with organizations: leaves of the error tree, each with its wire code."""

from auth_core.kernel import Conflict, NotFound, PermissionDenied


class OrganizationNotFound(NotFound):
    """There is no such organization, or the caller is no member of it (SEC-55)."""

    code = "organization_not_found"
    default_message = "There is no such organization."


class MemberNotFound(NotFound):
    """Nobody of this id is a member."""

    code = "member_not_found"
    default_message = "There is no such member."


class TeamNotFound(NotFound):
    """There is no such team, or it is another organization's (SEC-55)."""

    code = "team_not_found"
    default_message = "There is no such team."


class InvitationNotFound(NotFound):
    """The organization has no such invitation."""

    code = "invitation_not_found"
    default_message = "There is no such invitation."


class DomainNotFound(NotFound):
    """The organization has not claimed such a domain."""

    code = "domain_not_found"
    default_message = "There is no such domain."


class LastOwner(Conflict):
    """Without this owner nobody could run the organization (SEC-58)."""

    code = "last_owner"
    default_message = "This is the last owner of the organization. Make another one first."


class SlugTaken(Conflict):
    """Another organization has this canonical slug."""

    code = "slug_taken"
    default_message = "This slug is taken. Choose another one."


class TeamNameTaken(Conflict):
    """The organization has a team of this name."""

    code = "team_name_taken"
    default_message = "There is a team of this name already."


class AlreadyMember(Conflict):
    """The person is a member already."""

    code = "already_member"
    default_message = "This person is a member already."


class DomainTaken(Conflict):
    """Another organization has proven that the domain is its own, or this one has claimed it."""

    code = "domain_taken"
    default_message = "This domain belongs to an organization already."


class DomainNotProven(Conflict):
    """The DNS does not show the challenge of a claim, or did not answer.

    A conflict also then: whose name server is out of order is no fault of this service.
    """

    code = "domain_not_proven"
    default_message = "The TXT record is not there. New records take some time to be seen."


class LimitReached(Conflict):
    """The organization has as many as it may have; ``limit`` is how many."""

    code = "limit_reached"
    default_message = "The organization has as many of these as it may have."

    def __init__(self, *, limit: int, message: str | None = None) -> None:
        self.limit = limit
        super().__init__(message)


class EmailNotVerified(PermissionDenied):
    """An invitation is for who reads the mail of its address, and that is not proven (SEC-59)."""

    code = "email_not_verified"
    default_message = "Prove your e-mail address first, then accept the invitation."


class CreationClosed(PermissionDenied):
    """Only administrators of the platform make organizations here."""

    code = "organization_creation_closed"
    default_message = "Ask an administrator to make an organization for you."
