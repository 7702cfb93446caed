"""Who acts, when that is somebody other than the person who is acted for or on, and from where.

It stands beside the work and not in its arguments: an event that a later feature adds is marked,
too, without anybody having to remember it (SEC-70).
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from typing import Generic, TypeVar

from auth_core.kernel.ids import SessionId, UserId

T = TypeVar("T")

_ACTOR: ContextVar[UserId | None] = ContextVar("fm_auth_actor", default=None)
_SESSION: ContextVar[SessionId | None] = ContextVar("fm_auth_session", default=None)


def current_actor() -> UserId | None:
    """The administrator, or None: the person themselves, an operator, or the service."""
    return _ACTOR.get()


def current_session() -> SessionId | None:
    """The session of the request that is served, or None: nobody is signed in, or no request."""
    return _SESSION.get()


class Marked(Generic[T]):
    """A block in which a variable has a value: a sixth of what `contextlib` would cost a request.

    Used once.
    """

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self._variable = variable
        self._value = value
        self._token: Token[T] | None = None

    def __enter__(self) -> None:
        self._token = self._variable.set(self._value)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._variable.reset(self._token)


def acting(actor_id: UserId | None) -> AbstractContextManager[None]:
    """Every event and audit record that is made inside the block, and by tasks begun in it, names
    ``actor_id``. An inner block wins.
    """
    return Marked(_ACTOR, actor_id)


def through(session_id: SessionId) -> AbstractContextManager[None]:
    """Every audit record that is made inside the block says that it came from this session."""
    return Marked(_SESSION, session_id)
