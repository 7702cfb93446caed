"""Many sessions that are read, cached, changed and ended while servers fail, as a service does it:
the truth first, then the cache.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from adapters.redis import ClusterSessionCache
from auth_core.kernel import SessionId, UserId
from auth_core.sessions import SessionState
from tests.integration.redis.valkey_process import new_state


class Crowd:
    """Sessions and the truth about them. ``wrong`` counts the ended ones that got through."""

    def __init__(self) -> None:
        self.ended: list[tuple[UserId, SessionId]] = []
        self._over: set[SessionId] = set()
        self._answered: set[SessionId] = set()
        self._states: list[SessionState] = []
        self.wrong = 0
        self.hits = 0
        self.logouts = 0

    async def recently_ended(self) -> list[tuple[UserId, SessionId]]:
        """What a cache asks the truth."""
        return list(self.ended)

    async def log_out(self, cache: ClusterSessionCache, state: SessionState) -> None:
        """End a session; from when this returns on nobody may accept it."""
        self._over.add(state.session.id)
        self.ended.append((state.user.id, state.session.id))
        await cache.end(state.user.id, [state.session.id])
        self._answered.add(state.session.id)
        self.logouts += 1

    async def request(self, cache: ClusterSessionCache, state: SessionState) -> None:
        """One request with the session's token."""
        answered = state.session.id in self._answered
        answer = await cache.read(state.user.id, state.session.id)
        if isinstance(answer, SessionState):
            assert answer == state
            self.hits += 1
            self.wrong += answered
        elif answer is None:
            lease = await cache.lease(state.user.id)
            if state.session.id not in self._over and lease is not None:
                await asyncio.sleep(random.random() / 500)
                await cache.fill(state, lease)

    @asynccontextmanager
    async def at_work(self, caches: Sequence[ClusterSessionCache]) -> AsyncIterator[None]:
        """Requests on every cache, and now and then a log-out on any, while the block runs."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._visit(caches, cache)) for cache in caches for _ in range(8)
            ]
            tasks.append(group.create_task(self._leave(caches)))
            yield
            for task in tasks:
                task.cancel()

    async def _visit(
        self, caches: Sequence[ClusterSessionCache], cache: ClusterSessionCache
    ) -> None:
        while True:
            if len(self._states) < 60:
                self._states.append(new_state())
            await self.request(cache, random.choice(self._states))
            await asyncio.sleep(0.001)

    async def _leave(self, caches: Sequence[ClusterSessionCache]) -> None:
        while True:
            await asyncio.sleep(0.02)
            if self._states:
                state = random.choice(self._states)
                if state.session.id not in self._over:
                    await self.log_out(random.choice(caches), state)
            if len(self._states) >= 60:
                # those that are over stay for a while: they are what must not get through
                over = [each for each in self._states if each.session.id in self._answered]
                if len(over) > 30:
                    self._states.remove(over[0])
