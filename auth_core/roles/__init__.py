"""Roles that organizations make themselves, and the grants of people as they are stored."""

from auth_core.roles.checks import CHECKS_MAX, Asker, PermissionChecks, Question
from auth_core.roles.errors import RoleHeld, RoleNameTaken, RoleNotFound, TooManyRoles
from auth_core.roles.events import RoleCreated, RoleDeleted, RoleUpdated
from auth_core.roles.model import ROLES_MAX, CustomRole, description, role_name
from auth_core.roles.ports import (
    GrantsChange,
    GrantsReader,
    GrantsUnitOfWork,
    RoleRepository,
    RolesUnitOfWork,
)
from auth_core.roles.service import RoleService
from auth_core.roles.subjects import Subjects
from auth_core.roles.watch import GrantsWatch

__all__ = [
    "CHECKS_MAX",
    "ROLES_MAX",
    "Asker",
    "CustomRole",
    "GrantsChange",
    "GrantsReader",
    "GrantsUnitOfWork",
    "GrantsWatch",
    "PermissionChecks",
    "Question",
    "RoleCreated",
    "RoleDeleted",
    "RoleHeld",
    "RoleNameTaken",
    "RoleNotFound",
    "RoleRepository",
    "RoleService",
    "RoleUpdated",
    "RolesUnitOfWork",
    "Subjects",
    "TooManyRoles",
    "description",
    "role_name",
]
