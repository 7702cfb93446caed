"""The framework-free core of the FaultMaven Auth Service.

Everything public is importable from here; a name is loaded when it is first used, so that a bare
`import auth_core` needs msgspec only. What verifies or signs tokens needs the extra ``[jose]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_core.access import (
        Context,
        Decision,
        PermissionRegistry,
        Resource,
        Subject,
        decide,
        explain,
        subject_of,
    )
    from auth_core.core import Core, CoreUnitOfWork, Options, Ports
    from auth_core.kernel import (
        AuthCoreError,
        AuthenticationFailed,
        ConcurrentUpdate,
        Email,
        EmailTaken,
        InvalidInput,
        InvalidRefreshToken,
        InvalidToken,
        Misconfigured,
        Secret,
        SessionId,
        TokenExpired,
        Unauthenticated,
        Unavailable,
        UserId,
        Username,
        UsernameTaken,
    )
    from auth_core.self_service import RegistrationMode, SelfServicePolicy
    from auth_core.sessions import EndReason, Session, SessionOrigin, SessionState
    from auth_core.testing import InMemoryCore, in_memory_core
    from auth_core.tokens import AccessClaims, Principal, SignedIn, SignInPolicy
    from auth_core.tokens.verify import SyncTokenVerifier, TokenVerifier
    from auth_core.users import Registration, User, UserStatus

_HOMES = {
    "auth_core.access": (
        "Context",
        "Decision",
        "PermissionRegistry",
        "Resource",
        "Subject",
        "decide",
        "explain",
        "subject_of",
    ),
    "auth_core.core": (
        "Core",
        "CoreUnitOfWork",
        "Options",
        "Ports",
    ),
    "auth_core.kernel": (
        "AuthCoreError",
        "AuthenticationFailed",
        "ConcurrentUpdate",
        "Email",
        "EmailTaken",
        "InvalidInput",
        "InvalidRefreshToken",
        "InvalidToken",
        "Misconfigured",
        "Secret",
        "SessionId",
        "TokenExpired",
        "Unauthenticated",
        "Unavailable",
        "UserId",
        "Username",
        "UsernameTaken",
    ),
    "auth_core.self_service": (
        "RegistrationMode",
        "SelfServicePolicy",
    ),
    "auth_core.sessions": (
        "EndReason",
        "Session",
        "SessionOrigin",
        "SessionState",
    ),
    "auth_core.testing": (
        "InMemoryCore",
        "in_memory_core",
    ),
    "auth_core.tokens": (
        "AccessClaims",
        "Principal",
        "SignInPolicy",
        "SignedIn",
    ),
    "auth_core.tokens.verify": (
        "SyncTokenVerifier",
        "TokenVerifier",
    ),
    "auth_core.users": (
        "Registration",
        "User",
        "UserStatus",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AccessClaims",
    "AuthCoreError",
    "AuthenticationFailed",
    "ConcurrentUpdate",
    "Context",
    "Core",
    "CoreUnitOfWork",
    "Decision",
    "Email",
    "EmailTaken",
    "EndReason",
    "InMemoryCore",
    "InvalidInput",
    "InvalidRefreshToken",
    "InvalidToken",
    "Misconfigured",
    "Options",
    "PermissionRegistry",
    "Ports",
    "Principal",
    "Registration",
    "RegistrationMode",
    "Resource",
    "Secret",
    "SelfServicePolicy",
    "Session",
    "SessionId",
    "SessionOrigin",
    "SessionState",
    "SignInPolicy",
    "SignedIn",
    "Subject",
    "SyncTokenVerifier",
    "TokenExpired",
    "TokenVerifier",
    "Unauthenticated",
    "Unavailable",
    "User",
    "UserId",
    "UserStatus",
    "Username",
    "UsernameTaken",
    "decide",
    "explain",
    "in_memory_core",
    "subject_of",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME[name]), name)
