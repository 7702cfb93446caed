"""A role that an organization made for its members."""

import re
from datetime import datetime
from typing import Self

import msgspec

from auth_core.access import BuiltInRole, Role, RoleScope
from auth_core.kernel import FieldProblem, InvalidInput, OrganizationId, RoleId

ROLES_MAX = 100
"""Roles of its own that an organization may have."""
NAME_MAX = 40
DESCRIPTION_MAX = 200

_NAME = re.compile(r"[a-z][a-z0-9_-]{1,39}")


class CustomRole(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable: a change makes a new value with the next `version`. The name never changes.

    Memberships hold roles by their names.
    """

    id: RoleId
    organization_id: OrganizationId
    name: str
    permissions: tuple[str, ...]
    """Each once, in alphabetical order."""
    created_at: datetime
    updated_at: datetime
    description: str = ""
    version: int = 1

    @property
    def role(self) -> Role:
        """What it permits."""
        return Role(
            name=self.name,
            scope=RoleScope.ORGANIZATION,
            permissions=frozenset(self.permissions),
            organization_id=self.organization_id,
        )

    def edited(self, *, at: datetime, **fields: object) -> Self:
        """The same role with these values, which were checked, in one new version."""
        return msgspec.structs.replace(self, updated_at=at, version=self.version + 1, **fields)


def role_name(text: str) -> str:
    """A name for a custom role. Raises InvalidInput, also for that of a built-in role."""
    folded = text[: NAME_MAX + 1].lower()
    if _NAME.fullmatch(folded) is None:
        message = f"2 to {NAME_MAX} of a-z, 0-9, '_' and '-', a letter first"
        raise InvalidInput(FieldProblem(field="name", type="invalid", message=message))
    if folded in set(BuiltInRole):
        message = "another name than that of a built-in role"
        raise InvalidInput(FieldProblem(field="name", type="reserved", message=message))
    return folded


def description(text: str) -> str:
    """What a role is for, in one line. Raises InvalidInput."""
    stripped = text[: DESCRIPTION_MAX + 100].strip()
    if len(stripped) > DESCRIPTION_MAX or not stripped.isprintable():
        message = f"at most {DESCRIPTION_MAX} printable characters"
        raise InvalidInput(FieldProblem(field="description", type="invalid", message=message))
    return stripped
