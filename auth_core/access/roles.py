"""Roles: names for sets of permissions, each on one level."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec

from auth_core.access.decision import Decision, Reason
from auth_core.access.permission import (
    ACTIONS,
    READ,
    WRITE,
    Permission,
    PermissionRegistry,
    action_of,
    resource_of,
)
from auth_core.access.scope import RoleScope
from auth_core.kernel import OrganizationId


class BuiltInRole(StrEnum):
    """The names of the roles that every deployment has. No other role can be called so."""

    PLATFORM_ADMIN = "platform_admin"
    ADMIN = "admin"
    USER = "user"
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"
    LEAD = "lead"


class Role(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What its holder may do on one level. ``organization_id``: whose own role it is, if any's."""

    name: str
    scope: RoleScope
    permissions: frozenset[str]
    organization_id: OrganizationId | None = None

    @cached_property
    def beneath(self) -> frozenset[str]:
        """What it permits on the level below: in every organization, or in every team.

        A platform role reaches into organizations if it holds ``organization:manage``; a role of an
        organization into all of its teams if it holds ``teams:manage``, and otherwise only as far
        as ``teams`` themselves go. A role of a team ends there.
        """
        if self.scope is RoleScope.PLATFORM:
            return self.permissions if Permission.ORGANIZATION_MANAGE in self.permissions else _NONE
        if self.scope is RoleScope.ORGANIZATION:
            if Permission.TEAMS_MANAGE in self.permissions:
                return self.permissions
            return frozenset(each for each in self.permissions if resource_of(each) == "teams")
        return _NONE

    @cached_property
    def granting(self) -> Decision:
        """The decision of whatever this role permits."""
        return Decision(allowed=True, reason=Reason.ROLE, scope=self.scope, role=self.name)


class RoleBook:
    """The built-in roles of a deployment, by level and name. Never changes once it is made.

    What consuming services registered belongs to them, too: all of it to platform administrators,
    owners, admins and leads, reading and writing to members, reading to viewers.
    """

    def __init__(self, registry: PermissionRegistry | None = None) -> None:
        registry = registry or PermissionRegistry()
        self.registry = registry
        self._roles: Mapping[tuple[RoleScope, str], Role] = {
            (role.scope, role.name): role for role in _built_in(registry)
        }

    def find(self, scope: RoleScope, name: str) -> Role | None:
        """The built-in role of this name on this level, or None."""
        return self._roles.get((scope, name))

    def of(self, scope: RoleScope) -> tuple[Role, ...]:
        """The built-in roles of a level, the mightiest first."""
        return tuple(role for role in self._roles.values() if role.scope is scope)


def _built_in(registry: PermissionRegistry) -> Iterable[Role]:
    content = {each for each in registry.all if resource_of(each) in _CONTENT}
    content |= registry.registered
    reads = _doing(content, READ)
    edits = _doing(content, READ, WRITE)
    looks = _words("organization users teams roles", READ)
    everywhere = registry.all
    yield _role("platform_admin", RoleScope.PLATFORM, everywhere)
    yield _role("admin", RoleScope.PLATFORM, _words("users roles", *ACTIONS))
    yield _role("user", RoleScope.PLATFORM, _NONE)
    yield _role("owner", RoleScope.ORGANIZATION, everywhere)
    yield _role("admin", RoleScope.ORGANIZATION, everywhere - _OWNERS)
    yield _role("member", RoleScope.ORGANIZATION, edits | looks)
    yield _role("viewer", RoleScope.ORGANIZATION, reads | looks)
    yield _role("lead", RoleScope.TEAM, content | _words("teams", READ, WRITE, "manage"))
    yield _role("member", RoleScope.TEAM, edits | _words("teams", READ))


def _role(name: str, scope: RoleScope, permissions: Iterable[str]) -> Role:
    return Role(name=name, scope=scope, permissions=frozenset(permissions))


def _doing(permissions: Iterable[str], *actions: str) -> frozenset[str]:
    return frozenset(each for each in permissions if action_of(each) in actions)


def _words(resources: str, *actions: str) -> frozenset[str]:
    return frozenset(f"{resource}:{action}" for resource in resources.split() for action in actions)


_NONE: Final[frozenset[str]] = frozenset()
_CONTENT: Final = frozenset({"cases", "knowledge_base"})
_OWNERS: Final = frozenset(
    {
        Permission.ORGANIZATION_DELETE.value,
        Permission.ORGANIZATION_MANAGE.value,
        Permission.AUDIT_WRITE.value,
        Permission.AUDIT_DELETE.value,
        Permission.AUDIT_MANAGE.value,
    }
)
"""What an organization's owner may do and its admin may not."""
