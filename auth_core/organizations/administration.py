"""All that is done with organizations, put together."""

from collections.abc import Callable

from auth_core.access import RoleBook
from auth_core.kernel import Clock, Entropy, Ids
from auth_core.organizations.directory import OrganizationDirectory
from auth_core.organizations.domain import DomainNames
from auth_core.organizations.domains import DomainService
from auth_core.organizations.invitations import InvitationService
from auth_core.organizations.joining import DomainMembership
from auth_core.organizations.members import MemberService
from auth_core.organizations.policy import OrganizationPolicy
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.service import OrganizationService
from auth_core.organizations.teams import TeamService
from auth_core.users import UserCache


class Organizations:
    """One attribute for each concern."""

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationsUnitOfWork],
        book: RoleBook,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        *,
        policy: OrganizationPolicy,
        names: DomainNames | None = None,
    ) -> None:
        shared = (unit_of_work, book, cache, clock, ids, policy)
        self.organizations = OrganizationService(*shared)
        self.directory = OrganizationDirectory(unit_of_work)
        self.members = MemberService(*shared)
        self.teams = TeamService(*shared)
        self.invitations = InvitationService(
            unit_of_work, book, self.members, cache, clock, ids, entropy
        )
        self.domains = DomainService(unit_of_work, book, names, clock, ids, entropy, policy=policy)
        self.joining = DomainMembership(self.members, clock, ids)
