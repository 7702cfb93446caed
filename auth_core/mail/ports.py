"""What mail needs: a queue, somebody who renders, somebody who sends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from auth_core.kernel import Letter, LetterId, MailOutbox, MailUnitOfWork
from auth_core.mail.model import MailBacklog, Message, QueuedLetter


class MailQueue(MailOutbox, Protocol):
    """The outbox from its other end. `enqueue` makes a letter due at once.

    A letter is due from ``next_attempt_at`` on unless it is dead.
    """

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[QueuedLetter]:
        """Take up to ``limit`` due letters, the longest due first, and count an attempt on each.

        Nobody else gets them before ``until``: of racing callers each letter goes to one, and
        none waits for another. Holds with the commit.
        """
        ...

    async def sent(self, letter: QueuedLetter) -> None:
        """Forget the letter, whoever else has claimed it since. A no-op when it is gone."""
        ...

    async def postpone(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        """Make a claimed letter due at ``at``. A no-op when it was claimed again or is gone."""
        ...

    async def bury(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        """Declare a claimed letter dead and erase its values.

        A no-op when it was claimed again or is gone.
        """
        ...

    async def get(self, letter_id: LetterId) -> QueuedLetter | None:
        """The letter, or None."""
        ...

    async def page(self, *, after: LetterId | None = None, limit: int = 100) -> list[QueuedLetter]:
        """Letters in the order of their ids, those after ``after``."""
        ...

    async def backlog(self) -> MailBacklog:
        """What is not sent and not dead."""
        ...

    async def make_due(self, now: datetime, letter_ids: Sequence[LetterId] | None = None) -> int:
        """Make waiting letters due at ``now``, these or all; returns how many there were.

        Those that are being sent or are dead stay as they are.
        """
        ...

    async def reseal(self, letter: QueuedLetter, sealed_values: bytes) -> None:
        """Replace the sealed values, if they still are those of ``letter``."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` letters that were made before ``before``; returns how many.

        Rows that others hold are left for the next time.
        """
        ...


class MailQueueUnitOfWork(MailUnitOfWork, Protocol):
    """A transaction over the queue."""

    @property
    def mail(self) -> MailQueue:
        """The letters, as this transaction sees them."""
        ...


class LetterRenderer(Protocol):
    """Writes letters."""

    def render(self, letter: Letter) -> Message:
        """The letter in the best language there is for its locale. Pure: no I/O.

        Raises KeyError when a value that the template shows is missing.
        """
        ...


class Mailer(Protocol):
    """Hands messages to a mail server."""

    async def send(self, message: Message) -> None:
        """Send one message to its one recipient, in bounded time; the server has it afterwards.

        Raises MailServerDown, MailDelayed or MailRejected. After any of them, and after a
        cancellation, the server may have it all the same: a repeat has the same Message-ID.
        """
        ...
