"""Accounts: the aggregate, registration rules, profile, and the repository port."""

from auth_core.users.events import (
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
from auth_core.users.ports import UserCache, UserRepository, UsersUnitOfWork
from auth_core.users.registration import Registration
from auth_core.users.service import UserService

__all__ = [
    "ADMIN_ROLES",
    "DELETION_GRACE",
    "Registration",
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
    "UserRepository",
    "UserService",
    "UserSignInFailed",
    "UserStatus",
    "UserUpdated",
    "UsersUnitOfWork",
]
