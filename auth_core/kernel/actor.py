"""Who acts, when that is somebody other than the person who is acted for or on.

It stands beside the work and not in its arguments: an event that a later feature adds is marked,
too, without anybody having to remember it (SEC-70).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from auth_core.kernel.ids import UserId

_ACTOR: ContextVar[UserId | None] = ContextVar("fm_auth_actor", default=None)


def current_actor() -> UserId | None:
    """The administrator, or None: the person themselves, an operator, or the service."""
    return _ACTOR.get()


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
