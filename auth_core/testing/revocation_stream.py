"""The revocation stream in memory, shared by the processes of a test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from auth_core.kernel import Unavailable
from auth_core.sessions import Revocation, RevocationStream


class InMemoryRevocationStream:
    """A list that may be flushed, and be out of reach while ``down`` is set."""

    def __init__(self) -> None:
        self.down = False
        self.entries: list[Revocation] = []
        self.as_of: datetime | None = None
        self._listeners: set[asyncio.Queue[list[Revocation] | None]] = set()
        self._flushed = True

    def flush(self) -> None:
        """Lose everything, as FLUSHALL does."""
        self.entries.clear()
        self.as_of = None
        self._flushed = True

    def cut(self) -> None:
        """Cut the connections of those who follow."""
        for listener in self._listeners:
            listener.put_nowait(None)

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """Append and tell."""
        self._reach()
        self.entries.extend(revocations)
        for listener in self._listeners:
            listener.put_nowait(list(revocations))

    async def follow(self) -> AsyncIterator[list[Revocation]]:
        """Everything from now on."""
        self._reach()
        listener: asyncio.Queue[list[Revocation] | None] = asyncio.Queue()
        self._listeners.add(listener)
        try:
            while (news := await listener.get()) is not None:
                yield news
        finally:
            self._listeners.discard(listener)
        raise Unavailable

    async def confirm(self, as_of: datetime) -> bool:
        """False once after a flush."""
        self._reach()
        if self._flushed:
            self._flushed = False
            return False
        self.as_of = as_of
        return True

    def _reach(self) -> None:
        if self.down:
            raise Unavailable


if TYPE_CHECKING:
    _: type[RevocationStream] = InMemoryRevocationStream
