"""What is kept for how long, and the sweep that removes the rest."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import msgspec

from auth_core.credentials import OneTimeSecretsUnitOfWork
from auth_core.kernel import Clock
from auth_core.sessions.ports import SessionsUnitOfWork

BATCH = 1000
"""Rows that one transaction removes: short enough to be in nobody's way."""


class RetentionUnitOfWork(SessionsUnitOfWork, OneTimeSecretsUnitOfWork, Protocol):
    """A transaction over all that is kept for a time only."""


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is over is kept.

    ``sessions``: from the end of a session, or from its absolute lifetime if nobody ended it, so
    that the reuse of a token of it is still recognised. ``events``: from when they happened,
    whether they were relayed or not.
    """

    sessions: timedelta = timedelta(days=30)
    events: timedelta = timedelta(days=30)


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows went."""

    sessions: int
    events: int
    one_time_secrets: int = 0


class RetentionSweep:
    """Removes what has been over for long enough. Any number may run at once, at any time."""

    def __init__(
        self,
        unit_of_work: Callable[[], RetentionUnitOfWork],
        clock: Clock,
        policy: RetentionPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._policy = policy

    async def sweep(self) -> Swept:
        """Remove all that is due, in short transactions. After it nothing older is left, but for
        rows that somebody holds locked: those are for the next sweep. Raises Unavailable.
        """
        return Swept(
            sessions=await self._sessions(),
            events=await self._events(),
            one_time_secrets=await self._one_time_secrets(),
        )

    async def _sessions(self) -> int:
        before, swept = self._clock.now() - self._policy.sessions, 0
        while True:
            async with self._unit_of_work() as uow:
                removed = await uow.sessions.sweep(before, BATCH)
                await uow.commit()
            swept += removed
            if removed < BATCH:
                return swept

    async def _events(self) -> int:
        before, swept = self._clock.now() - self._policy.events, 0
        while True:
            async with self._unit_of_work() as uow:
                removed = await uow.outbox.sweep(before, BATCH)
                await uow.commit()
            swept += removed
            if removed < BATCH:
                return swept

    async def _one_time_secrets(self) -> int:
        before, swept = self._clock.now(), 0
        while True:
            async with self._unit_of_work() as uow:
                removed = await uow.one_time_secrets.sweep(before, BATCH)
                await uow.commit()
            swept += removed
            if removed < BATCH:
                return swept
