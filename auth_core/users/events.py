"""Events of an account's life."""

from auth_core.kernel import DomainEvent, SessionId


class UserCreated(DomainEvent, frozen=True, kw_only=True, tag="user.created"):
    """An account exists."""


class UserUpdated(DomainEvent, frozen=True, kw_only=True, tag="user.updated"):
    """A profile changed; ``fields`` names what, never the values."""

    fields: tuple[str, ...]


class UserLoggedIn(DomainEvent, frozen=True, kw_only=True, tag="user.logged_in"):
    """A person proved who they are and a session began."""

    session_id: SessionId
