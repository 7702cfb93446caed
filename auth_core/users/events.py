"""Events of an account's life."""

from auth_core.kernel import DomainEvent, SessionId


class UserCreated(DomainEvent, frozen=True, kw_only=True, tag="user.created"):
    """An account exists."""


class UserUpdated(DomainEvent, frozen=True, kw_only=True, tag="user.updated"):
    """A profile changed; ``fields`` names what, never the values."""

    fields: tuple[str, ...]


class RoleAssigned(DomainEvent, frozen=True, kw_only=True, tag="role.assigned"):
    """A user was given a role."""

    role: str


class RoleRevoked(DomainEvent, frozen=True, kw_only=True, tag="role.revoked"):
    """A user lost a role."""

    role: str


class UserDisabled(DomainEvent, frozen=True, kw_only=True, tag="user.disabled"):
    """An account was shut out."""


class UserDeleted(DomainEvent, frozen=True, kw_only=True, tag="user.deleted"):
    """An account was closed for good."""


class UserErased(DomainEvent, frozen=True, kw_only=True, tag="user.erased"):
    """Nothing personal is left here of an account: whoever keeps a copy erases theirs."""


class UserPasswordChanged(DomainEvent, frozen=True, kw_only=True, tag="user.password_changed"):
    """An account has another password."""


class UserLoggedIn(DomainEvent, frozen=True, kw_only=True, tag="user.logged_in"):
    """A person proved who they are and a session began."""

    session_id: SessionId


class UserSignInFailed(DomainEvent, frozen=True, kw_only=True, tag="user.sign_in_failed"):
    """Somebody tried a wrong password; ``consecutive_failures`` counts since the last right one."""

    consecutive_failures: int


class UserPasswordDisabled(DomainEvent, frozen=True, kw_only=True, tag="user.password_disabled"):
    """Too many wrong passwords in a row: this one opens nothing until it is reset."""


class UserPasswordUnlocked(DomainEvent, frozen=True, kw_only=True, tag="user.password_unlocked"):
    """An operator let a password work again."""
