"""The revocation stream in memory, shared by the processes of a test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self

from auth_core.kernel import Unavailable
from auth_core.sessions import Revocation, RevocationStream


class _Server:
    def __init__(self) -> None:
        self.down = False
        self.entries: list[Revocation] = []
        self.as_of: datetime | None = None
        self.listeners: set[asyncio.Queue[list[Revocation] | None]] = set()
        self.filler: object = None


class InMemoryRevocationStream:
    """A list that may be flushed, and be out of reach while ``down`` is set."""

    def __init__(self, server: _Server | None = None) -> None:
        self._server = server or _Server()

    def another_process(self) -> Self:
        """The same stream in the hands of somebody else."""
        return type(self)(self._server)

    @property
    def down(self) -> bool:
        """Whether it is out of reach."""
        return self._server.down

    @down.setter
    def down(self, down: bool) -> None:
        self._server.down = down

    @property
    def entries(self) -> list[Revocation]:
        """All that was appended since the last flush."""
        return self._server.entries

    @property
    def as_of(self) -> datetime | None:
        """Up to when somebody vouches for it."""
        return self._server.as_of

    def flush(self) -> None:
        """Lose everything, as FLUSHALL does."""
        self._server.entries.clear()
        self._server.as_of = self._server.filler = None

    def cut(self) -> None:
        """Cut the connections of those who follow."""
        for listener in self._server.listeners:
            listener.put_nowait(None)

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """Append and tell."""
        self._reach()
        self._server.entries.extend(revocations)
        for listener in self._server.listeners:
            listener.put_nowait(list(revocations))

    async def follow(self) -> AsyncIterator[list[Revocation]]:
        """Everything from now on."""
        self._reach()
        listener: asyncio.Queue[list[Revocation] | None] = asyncio.Queue()
        self._server.listeners.add(listener)
        try:
            while (news := await listener.get()) is not None:
                yield news
        finally:
            self._server.listeners.discard(listener)
        raise Unavailable

    async def confirm(self, as_of: datetime) -> bool:
        """See `RevocationStream.confirm`; time does not pass here."""
        self._reach()
        server = self._server
        if server.as_of is None and server.filler is None:
            server.filler = self
            return False
        if server.as_of is None and server.filler is not self:
            raise Unavailable
        server.as_of, server.filler = as_of, None
        return True

    def _reach(self) -> None:
        if self._server.down:
            raise Unavailable


if TYPE_CHECKING:
    _: type[RevocationStream] = InMemoryRevocationStream
