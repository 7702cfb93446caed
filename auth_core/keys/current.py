"""The ring that this process holds: loaded once, kept fresh without anybody waiting for it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from auth_core.kernel import AuthCoreError, Clock, end_tasks
from auth_core.keys.model import KeyRing, KeyUse

RELOAD_INTERVAL = timedelta(seconds=5)
"""A ring of this age is loaded anew, behind the back of whoever asks for it."""
UNKNOWN_INTERVAL = timedelta(seconds=1)
"""An unknown key id may cause one load in this time, so a flood of them costs next to nothing."""

Load = Callable[[KeyRing | None], Awaitable[KeyRing]]


class CurrentRing:
    """One load at a time; whoever comes meanwhile shares its outcome."""

    def __init__(self, load: Load, clock: Clock) -> None:
        """``load`` gets the ring at hand. It raises Unavailable or Misconfigured."""
        self._load_ring = load
        self._clock = clock
        self._ring: KeyRing | None = None
        self._loading: asyncio.Task[KeyRing] | None = None
        self._asked_at: datetime | None = None
        self._asked_for_unknown_at: datetime | None = None

    async def get(self) -> KeyRing:
        """The ring at hand, which waits for nothing; only the first one is waited for."""
        return self.at_hand() or await self.load()

    def at_hand(self) -> KeyRing | None:
        """The ring at hand, loaded anew in the background when it is old; None before the first."""
        if (
            self._ring is not None
            and not self._is_loading
            and not self._within(RELOAD_INTERVAL, self._asked_at)
        ):
            self._begin()
        return self._ring

    async def get_with(self, use: KeyUse, kid: str) -> KeyRing:
        """The ring, loaded anew when it does not know ``kid``, with restraint (SEC-26)."""
        ring = await self.get()
        for _ in range(2):  # a load that was under way may have been too early for this key
            if ring.find(use, kid) is not None:
                break
            if not self._is_loading:
                if self._within(UNKNOWN_INTERVAL, self._asked_for_unknown_at):
                    break
                self._asked_for_unknown_at = self._clock.now()
            with suppress(AuthCoreError):  # the ring at hand serves on
                ring = await self.load()
        return ring

    async def load(self) -> KeyRing:
        """The ring as it is stored now. Raises what loading raises."""
        loading = self._loading if self._is_loading else None
        return await asyncio.shield(loading or self._begin())

    async def renew(self) -> None:
        """Load what this process has just changed, if it holds a ring at all."""
        loads = 0 if self._ring is None else 1 + self._is_loading  # one under way may be too early
        for _ in range(loads):
            with suppress(AuthCoreError):  # the next reload makes it good
                await self.load()

    async def close(self) -> None:
        """Stop a load that is under way."""
        if self._loading is not None:
            await end_tasks([self._loading])

    def _begin(self) -> asyncio.Task[KeyRing]:
        self._asked_at = self._clock.now()
        self._loading = asyncio.create_task(self._load())
        self._loading.add_done_callback(_noted)
        return self._loading

    async def _load(self) -> KeyRing:
        self._ring = await self._load_ring(self._ring)
        return self._ring

    @property
    def _is_loading(self) -> bool:
        return self._loading is not None and not self._loading.done()

    def _within(self, interval: timedelta, moment: datetime | None) -> bool:
        # abs: a clock that was set back must not stop loads until it has caught up
        return moment is not None and abs(self._clock.now() - moment) < interval


def _noted(task: asyncio.Task[KeyRing]) -> None:
    """Nobody may be waiting, and then asyncio would complain of an error that nobody has seen."""
    if not task.cancelled():
        task.exception()
