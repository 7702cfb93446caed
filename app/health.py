"""What readiness asks: do the dependencies answer?"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from auth_core.kernel import AuthCoreError, Clock, Unavailable
from auth_core.keys import KeyService, KeyUse


class ShuttingDown(Unavailable):
    """The process is about to end: send what is new elsewhere."""

    code = "shutting_down"
    default_message = "The process is shutting down."


class Health:
    """The state of the dependencies, asked now. Never raises."""

    def __init__(
        self,
        check_database: Callable[[], Awaitable[None]],
        redis_available: Callable[[], bool],
        keys: KeyService,
        clock: Clock,
    ) -> None:
        self._check_database = check_database
        self._redis_available = redis_available
        self._keys = keys
        self._clock = clock
        self.stopping = False
        """Whether this process is about to end; all that it is asked it still answers."""

    def now(self) -> datetime:
        """The time of this check."""
        return self._clock.now()

    async def database(self) -> bool:
        """Whether PostgreSQL answers and has the schema of this version."""
        try:
            await self._check_database()
        except AuthCoreError:
            return False
        return True

    async def keys(self) -> bool:
        """Whether there are keys to sign with."""
        try:
            ring = await self._keys.ring()
        except AuthCoreError:
            return False
        return all(ring.active(use) is not None for use in KeyUse)

    def redis(self) -> bool:
        """Whether Redis caches sessions and counts limits."""
        return self._redis_available()
