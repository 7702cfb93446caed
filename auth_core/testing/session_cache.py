"""The session cache in memory: what a Redis does for the service, and how it may fail."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from auth_core.kernel import SessionId, UserId
from auth_core.sessions import ENDED, Ended, Lease, SessionCache, SessionState


class InMemorySessionCache:
    """Session states, tombstones and leases.

    `flush` loses everything, as FLUSHALL does. While `down` is set the cache is out of reach: reads
    miss, and what should have been written is written before the first answer afterwards.
    """

    def __init__(self) -> None:
        self.down = False
        self.round_trips = 0
        """How many calls reached the cache."""
        self._states: dict[UserId, dict[SessionId, SessionState]] = {}
        self._tombstones: set[tuple[UserId, SessionId]] = set()
        self._leases: dict[UserId, set[Lease]] = {}
        self._granted = 0
        self._owed: list[Callable[[], None]] = []

    def flush(self) -> None:
        """Lose everything: states, tombstones and leases."""
        self._states.clear()
        self._tombstones.clear()
        self._leases.clear()

    async def read(self, user_id: UserId, session_id: SessionId) -> SessionState | Ended | None:
        """The state, ENDED, or None."""
        if not self._reached():
            return None
        if (user_id, session_id) in self._tombstones:
            return ENDED
        return self._states.get(user_id, {}).get(session_id)

    async def lease(self, user_id: UserId) -> Lease | None:
        """A lease that nobody had before, not even before a flush."""
        if not self._reached():
            return None
        self._granted += 1
        lease = Lease(f"lease-{self._granted}")
        self._leases.setdefault(user_id, set()).add(lease)
        return lease

    async def fill(self, state: SessionState, lease: Lease) -> None:
        """Keep the state if the lease still stands."""
        user_id = state.user.id
        if self._reached() and lease in self._leases.get(user_id, ()):
            self._states.setdefault(user_id, {})[state.session.id] = state

    async def end(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        """Set tombstones and forget the rest, now or as soon as the cache is back."""
        self._write(lambda: self._end(user_id, session_ids))

    async def forget_user(self, user_id: UserId) -> None:
        """Forget the states and leases, now or as soon as the cache is back."""
        self._write(lambda: self._forget(user_id))

    async def forget_session(self, user_id: UserId, session_id: SessionId) -> None:  # noqa: ARG002
        """Forget all of the user's states: they are kept whole here."""
        await self.forget_user(user_id)

    def _reached(self) -> bool:
        if self.down:
            return False
        self.round_trips += 1
        while self._owed:
            self._owed.pop(0)()
        return True

    def _write(self, write: Callable[[], None]) -> None:
        if self._reached():
            write()
        else:
            self._owed.append(write)

    def _end(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        self._tombstones.update((user_id, session_id) for session_id in session_ids)
        self._forget(user_id)

    def _forget(self, user_id: UserId) -> None:
        self._states.pop(user_id, None)
        self._leases.pop(user_id, None)


if TYPE_CHECKING:
    _: type[SessionCache] = InMemorySessionCache
