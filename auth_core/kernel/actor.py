"""Who acts, when that is somebody other than the person who is acted for or on, and from where.

It stands beside the work and not in its arguments: an event that a later feature adds is marked,
too, without anybody having to remember it (SEC-70).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from auth_core.kernel.ids import SessionId, UserId

_ACTOR: ContextVar[UserId | None] = ContextVar("fm_auth_actor", default=None)
_SESSION: ContextVar[SessionId | None] = ContextVar("fm_auth_session", default=None)


def current_actor() -> UserId | None:
    """The administrator, or None: the person themselves, an operator, or the service."""
    return _ACTOR.get()


def current_session() -> SessionId | None:
    """The session of the request that is served, or None: nobody is signed in, or no request."""
    return _SESSION.get()


@contextmanager
def acting(actor_id: UserId | None) -> Iterator[None]:
    """Every event and audit record that is made inside the block, and by tasks begun in it, names
    ``actor_id``. An inner block wins.
    """
    token = _ACTOR.set(actor_id)
    try:
        yield
    finally:
        _ACTOR.reset(token)


@contextmanager
def through(session_id: SessionId) -> Iterator[None]:
    """Every audit record that is made inside the block says that it came from this session."""
    token = _SESSION.set(session_id)
    try:
        yield
    finally:
        _SESSION.reset(token)
