"""Accounts: the aggregate, registration rules, profile, and the repository port."""

from auth_core.users.events import (
    RoleAssigned,
    RoleRevoked,
    UserCreated,
    UserDeleted,
    UserDisabled,
    UserErased,
    UserLoggedIn,
    UserPasswordChanged,
    UserPasswordDisabled,
    UserPasswordUnlocked,
    UserSignInFailed,
    UserUpdated,
)
from auth_core.users.model import ADMIN_ROLES, DELETION_GRACE, Scope, User, UserStatus
from auth_core.users.ports import (
    EVERYBODY,
    UserCache,
    UserQuery,
    UserRepository,
    UsersUnitOfWork,
)
from auth_core.users.profile import NO_CHANGES, ClaimKind, ProfileChanges, ProfilePolicy
from auth_core.users.registration import Registration
from auth_core.users.roles import (
    PLATFORM_ROLES,
    parse_roles,
    require_may_grant,
    require_rank_over,
)
from auth_core.users.service import UserService
from auth_core.users.stranger import STRANGER

__all__ = [
    "ADMIN_ROLES",
    "DELETION_GRACE",
    "EVERYBODY",
    "NO_CHANGES",
    "PLATFORM_ROLES",
    "STRANGER",
    "ClaimKind",
    "ProfileChanges",
    "ProfilePolicy",
    "Registration",
    "RoleAssigned",
    "RoleRevoked",
    "Scope",
    "User",
    "UserCache",
    "UserCreated",
    "UserDeleted",
    "UserDisabled",
    "UserErased",
    "UserLoggedIn",
    "UserPasswordChanged",
    "UserPasswordDisabled",
    "UserPasswordUnlocked",
    "UserQuery",
    "UserRepository",
    "UserService",
    "UserSignInFailed",
    "UserStatus",
    "UserUpdated",
    "UsersUnitOfWork",
    "parse_roles",
    "require_may_grant",
    "require_rank_over",
]
