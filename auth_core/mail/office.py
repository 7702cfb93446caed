"""The mail office: looks after the letters that are stored."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from auth_core.kernel import Clock, Letter, LetterId
from auth_core.mail.model import MailBacklog, QueuedLetter
from auth_core.mail.ports import MailQueueUnitOfWork
from auth_core.mail.vault import LetterVault

BATCH = 500
"""Rows that one transaction changes: short enough to be in nobody's way."""


class MailOffice:
    """What operators and the worker do about stored letters. Everything raises Unavailable."""

    def __init__(
        self,
        unit_of_work: Callable[[], MailQueueUnitOfWork],
        vault: LetterVault,
        clock: Clock,
        *,
        retention: timedelta,
    ) -> None:
        """``retention``: age at which a letter goes, dead or not; longer than it is retried."""
        self._unit_of_work = unit_of_work
        self._vault = vault
        self._clock = clock
        self._retention = retention

    def now(self) -> datetime:
        """The time by which letters are due."""
        return self._clock.now()

    async def page(self, *, after: LetterId | None = None, limit: int = 100) -> list[QueuedLetter]:
        """Stored letters, oldest first."""
        async with self._unit_of_work() as uow:
            return await uow.mail.page(after=after, limit=limit)

    async def find(self, letter_id: LetterId) -> QueuedLetter | None:
        """The stored letter, or None."""
        async with self._unit_of_work() as uow:
            return await uow.mail.get(letter_id)

    async def backlog(self) -> MailBacklog:
        """What waits. Counts: not for every second."""
        async with self._unit_of_work() as uow:
            return await uow.mail.backlog()

    def opened(self, letter: QueuedLetter) -> Letter:
        """A letter with its secrets: for the development mailbox.

        Raises WrongMasterKey, and Misconfigured for a dead letter.
        """
        return self._vault.open(letter)

    async def send(self, letter: Letter) -> None:
        """Enqueue a letter that belongs to no other change."""
        async with self._unit_of_work() as uow:
            await uow.mail.enqueue(letter)
            await uow.commit()

    async def retry(self, letter_ids: Sequence[LetterId] | None = None) -> int:
        """Make waiting letters due now, these or all; returns how many. Dead ones stay dead."""
        async with self._unit_of_work() as uow:
            made_due = await uow.mail.make_due(self._clock.now(), letter_ids)
            await uow.commit()
        return made_due

    async def rewrap(self) -> int:
        """Seal every waiting letter anew that is not sealed under the current master key.

        Idempotent; returns how many. Raises WrongMasterKey when neither the current nor the
        previous one opens a letter; those before it are done.
        """
        after, resealed = None, 0
        while letters := await self.page(after=after, limit=BATCH):
            async with self._unit_of_work() as uow:
                for letter in letters:
                    sealed = self._vault.resealed(letter)
                    if sealed is not None:
                        await uow.mail.reseal(letter, sealed)
                        resealed += 1
                await uow.commit()
            after = letters[-1].id
        return resealed

    async def sweep(self) -> int:
        """Remove the letters whose time is over; returns how many. Any number may run at once."""
        before, swept = self._clock.now() - self._retention, 0
        while True:
            async with self._unit_of_work() as uow:
                removed = await uow.mail.sweep(before, BATCH)
                await uow.commit()
            swept += removed
            if removed < BATCH:
                return swept
