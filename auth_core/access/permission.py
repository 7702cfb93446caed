"""What may be permitted: words ``resource:action``, ours and those of the consuming services."""

import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final

from auth_core.kernel import FieldProblem, InvalidInput, Misconfigured


class Permission(StrEnum):
    """The permissions that this service knows by itself. A deployment may register more.

    In an organization, ``users`` are its members, ``roles`` its own roles, and
    ``organization:manage`` is what makes somebody its owner.
    """

    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    CASES_DELETE = "cases:delete"
    CASES_MANAGE = "cases:manage"
    KNOWLEDGE_BASE_READ = "knowledge_base:read"
    KNOWLEDGE_BASE_WRITE = "knowledge_base:write"
    KNOWLEDGE_BASE_DELETE = "knowledge_base:delete"
    KNOWLEDGE_BASE_MANAGE = "knowledge_base:manage"
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    ORGANIZATION_DELETE = "organization:delete"
    ORGANIZATION_MANAGE = "organization:manage"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_DELETE = "users:delete"
    USERS_MANAGE = "users:manage"
    TEAMS_READ = "teams:read"
    TEAMS_WRITE = "teams:write"
    TEAMS_DELETE = "teams:delete"
    TEAMS_MANAGE = "teams:manage"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    ROLES_DELETE = "roles:delete"
    ROLES_MANAGE = "roles:manage"
    AUDIT_READ = "audit:read"
    AUDIT_WRITE = "audit:write"
    AUDIT_DELETE = "audit:delete"
    AUDIT_MANAGE = "audit:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    """To see, make and change webhooks, and to read what they sent."""


READ: Final = "read"
WRITE: Final = "write"
DELETE: Final = "delete"
MANAGE: Final = "manage"
ACTIONS: Final = (READ, WRITE, DELETE, MANAGE)

ADMINISTRATIVE: Final = frozenset({"organization", "users", "teams", "roles", "audit", "webhooks"})
"""Resources that say who may do what, and who hears of it. Nobody has more of them because
something is theirs.
"""

RESOURCES_MAX: Final = 64
ACTIONS_MAX: Final = 32
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


def resource_of(permission: str) -> str:
    """The resource of a permission: what stands before the colon."""
    return permission.partition(":")[0]


def action_of(permission: str) -> str:
    """The action of a permission: what stands after the colon."""
    return permission.partition(":")[2]


class PermissionRegistry:
    """The permissions of one deployment: those of `Permission` and what was registered."""

    def __init__(self, resources: Mapping[str, Collection[str]] | None = None) -> None:
        """``resources`` of consuming services, each with its actions.

        Raises Misconfigured for a word that cannot be one, for too many, and for a resource of
        this service: nobody registers a new way to administer it.
        """
        self._all: set[str] = {permission.value for permission in Permission}
        self._resources: dict[str, tuple[str, ...]] = {}
        for resource, actions in (resources or {}).items():
            self.register(resource, actions)

    def register(self, resource: str, actions: Collection[str] = ACTIONS) -> None:
        """Add one resource. Raises Misconfigured. Roles are made after all are registered."""
        if resource in self._resources or any(resource_of(own) == resource for own in Permission):
            raise Misconfigured(f"the resource {resource!r} is there already")
        if len(self._resources) == RESOURCES_MAX or not 1 <= len(actions) <= ACTIONS_MAX:
            raise Misconfigured(
                f"at most {RESOURCES_MAX} resources with 1 to {ACTIONS_MAX} actions can be added"
            )
        for word in (resource, *actions):
            if _WORD.fullmatch(word) is None:
                raise Misconfigured(
                    f"{word!r} is no name for a resource or an action: lower-case letters, digits "
                    "and underscores, a letter first, at most 40"
                )
        self._resources[resource] = tuple(dict.fromkeys(actions))
        self._all.update(f"{resource}:{action}" for action in actions)

    def __contains__(self, permission: object) -> bool:
        return permission in self._all

    @property
    def all(self) -> frozenset[str]:
        """Every permission there is."""
        return frozenset(self._all)

    @property
    def registered(self) -> frozenset[str]:
        """Those of the consuming services."""
        return frozenset(self._all - {permission.value for permission in Permission})

    def parse(self, permissions: Iterable[str], *, field: str = "permissions") -> frozenset[str]:
        """Known permissions. Raises InvalidInput, which names the first that is unknown."""
        wanted = frozenset(permissions)
        unknown = min(wanted - self._all, default=None)
        if unknown is not None:
            message = "one or more of the permissions that GET /api/v1/roles lists"
            raise InvalidInput(FieldProblem(field=field, type="unknown", message=message))
        return wanted
