"""Who asks for what: the subject with all of their roles, and the object."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from auth_core.access.permission import Permission
from auth_core.access.roles import Role
from auth_core.kernel import OrganizationId, TeamId, UserId


class Standing(msgspec.Struct, frozen=True):
    """What somebody is in one organization: one role there, and one in each team of theirs."""

    role: Role
    teams: Mapping[TeamId, Role] = msgspec.field(default_factory=dict)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, prepared for decisions: `decide` only looks things up."""

    user_id: UserId
    platform: tuple[Role, ...] = ()
    organizations: Mapping[OrganizationId, Standing] = msgspec.field(default_factory=dict)

    @property
    def reaches_everywhere(self) -> bool:
        """Whether a platform role reaches into every organization."""
        return any(role.beneath for role in self.platform)

    def held_in(
        self, organization_id: OrganizationId | None = None, team_id: TeamId | None = None
    ) -> frozenset[str]:
        """All that the subject may do: on the platform, in an organization, or in a team of it."""
        return frozenset[str]().union(*self._grants(organization_id, team_id))

    def _grants(
        self, organization_id: OrganizationId | None, team_id: TeamId | None
    ) -> Iterable[frozenset[str]]:
        if organization_id is None:
            yield from (role.permissions for role in self.platform)
            return
        yield from (role.beneath for role in self.platform)
        standing = self.organizations.get(organization_id)
        if standing is None:
            return
        if team_id is None:
            yield standing.role.permissions
            return
        yield standing.role.beneath
        if team_id in standing.teams:
            yield standing.teams[team_id].permissions

    def owns(self, organization_id: OrganizationId) -> bool:
        """Whether they are an owner of this organization, or as mighty as one."""
        return Permission.ORGANIZATION_MANAGE in self.held_in(organization_id)


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An object, or a collection when it has no ``id``.

    ``organization_id`` None: it belongs to no organization. ``team_id``: to a team of that
    organization. ``owner_id``: the person whose own it is, whatever organization it is in.
    """

    type: str
    id: str | None = None
    organization_id: OrganizationId | None = None
    team_id: TeamId | None = None
    owner_id: UserId | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The circumstances. ``impersonated``: somebody else acts in the name of the subject."""

    impersonated: bool = False


EVERYDAY: Final = Context()
