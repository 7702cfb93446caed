"""Access: permissions, roles, and the one decision about who may do what."""

from auth_core.access.deciding import decide, effective
from auth_core.access.decision import UNKNOWN_PERMISSION, UNKNOWN_SUBJECT, Decision, Reason
from auth_core.access.explaining import explain
from auth_core.access.granting import (
    require_may_assign,
    require_may_assign_in_team,
    require_may_define,
)
from auth_core.access.grants import Grants, OrganizationGrant, TeamGrant, subject_of
from auth_core.access.model import EVERYDAY, Context, Resource, Standing, Subject
from auth_core.access.permission import (
    ACTIONS,
    ADMINISTRATIVE,
    Permission,
    PermissionRegistry,
    action_of,
    resource_of,
)
from auth_core.access.roles import BuiltInRole, Role, RoleBook
from auth_core.access.scope import RoleScope

__all__ = [
    "ACTIONS",
    "ADMINISTRATIVE",
    "EVERYDAY",
    "UNKNOWN_PERMISSION",
    "UNKNOWN_SUBJECT",
    "BuiltInRole",
    "Context",
    "Decision",
    "Grants",
    "OrganizationGrant",
    "Permission",
    "PermissionRegistry",
    "Reason",
    "Resource",
    "Role",
    "RoleBook",
    "RoleScope",
    "Standing",
    "Subject",
    "TeamGrant",
    "action_of",
    "decide",
    "effective",
    "explain",
    "require_may_assign",
    "require_may_assign_in_team",
    "require_may_define",
    "resource_of",
    "subject_of",
]
