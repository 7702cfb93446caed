"""Makes good what a process could not: grants that changed while nobody told the cache.

Whoever changes what somebody may do forgets the cached state after the commit, before the answer.
A process that dies in between, or that cannot reach Redis and then dies, leaves it to the others:
each asks the truth every `POLL_SECONDS` whose grants changed, as the session cache asks which
sessions ended.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from auth_core.kernel import Clock, Unavailable, end_tasks
from auth_core.roles.ports import GrantsChange, GrantsUnitOfWork
from auth_core.users import UserCache

POLL_SECONDS = 1.0
MARGIN = timedelta(seconds=15)
"""How much later than the moment it records a change may become visible: a commit that waits, and
the clocks of two nodes."""
LONGEST_CACHED = timedelta(minutes=20)
"""No cache serves a state for longer: what changed before needs no forgetting any more."""
_AT_ONCE = 200


class GrantsWatch:
    """Forgets the cached state of people whose grants changed. `start` before use, then `close`."""

    def __init__(
        self, unit_of_work: Callable[[], GrantsUnitOfWork], cache: UserCache, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._clock = clock
        self._asked_at: datetime | None = None
        self._known: frozenset[GrantsChange] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """The last fault that nobody had thought of, for an operator."""

    async def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._keep_polling())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            await end_tasks([self._task])

    async def poll(self) -> int:
        """Ask once; returns how many people were forgotten. Raises Unavailable."""
        now = self._clock.now()
        since = now - LONGEST_CACHED if self._asked_at is None else self._asked_at - MARGIN
        async with self._unit_of_work() as uow:
            changes = await uow.grants.changed_since(since)
        fresh = list({change.user_id for change in changes if change not in self._known})
        for start in range(0, len(fresh), _AT_ONCE):
            some = fresh[start : start + _AT_ONCE]
            await asyncio.gather(*(self._cache.forget_user(user_id) for user_id in some))
        self._known, self._asked_at = frozenset(changes), now
        return len(fresh)

    async def _keep_polling(self) -> None:
        while True:
            try:
                await self.poll()
            except Unavailable:
                pass
            except Exception as error:  # noqa: BLE001 - a watch that gave up would watch no more
                self.problem = f"unexpected {type(error).__name__}"
            await asyncio.sleep(POLL_SECONDS)
