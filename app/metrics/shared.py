"""The memory in which all workers count: from the supervisor, which forks them.

Imports little: the supervisor only passes it on.
"""

from typing import Final

from adapters.metrics import SharedMemory

SPARE_PLACES: Final = 3
"""For workers that take over from others before these have ended."""

_shared: SharedMemory | None = None


def share(workers: int) -> SharedMemory:
    """In the supervisor, before it forks."""
    global _shared  # noqa: PLW0603 - a forked worker has nothing else from its supervisor
    _shared = SharedMemory(workers + SPARE_PLACES)
    return _shared


def shared_memory() -> SharedMemory | None:
    """In a worker; None in a process that no supervisor has forked."""
    return _shared
