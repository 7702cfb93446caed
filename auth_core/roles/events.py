"""Events of the roles that organizations make. They name the role by id only."""

from auth_core.kernel import DomainEvent, RoleId


class RoleCreated(DomainEvent, frozen=True, kw_only=True, tag="role.created"):
    """An organization has a role of its own."""

    role_id: RoleId


class RoleUpdated(DomainEvent, frozen=True, kw_only=True, tag="role.updated"):
    """A role permits something else, to everybody who holds it."""

    role_id: RoleId


class RoleDeleted(DomainEvent, frozen=True, kw_only=True, tag="role.deleted"):
    """A role that nobody held is gone."""

    role_id: RoleId
