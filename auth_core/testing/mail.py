"""Mail in memory: the queue of one transaction, and a mail server that a test decides about."""

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import Conflict, Email, Letter, LetterId, MailTemplate
from auth_core.mail import (
    LINK_PATHS,
    LetterRenderer,
    MailBacklog,
    Mailer,
    MailFailure,
    MailQueue,
    Message,
    QueuedLetter,
    written_at,
)
from auth_core.testing.store import Transaction


class InMemoryMailOutbox:
    """Letters of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def enqueue(self, letter: Letter) -> None:
        """Keep it until the commit."""
        transaction = self._transaction
        await transaction.statement("mail.enqueue")
        if letter.id in transaction.mail:
            transaction.violated(Conflict())
        written = written_at(letter.id)
        transaction.letters.append(letter)
        transaction.mail[letter.id] = QueuedLetter(
            id=letter.id,
            to=letter.to,
            template=letter.template,
            locale=letter.locale,
            sealed_values=transaction.vault.seal(letter),
            created_at=written,
            next_attempt_at=written,
        )

    async def withdraw(self, to: Email) -> int:
        """Remove them."""
        await self._transaction.statement("mail.withdraw")
        theirs = [letter.id for letter in self._transaction.mail.values() if letter.to == to]
        for letter_id in theirs:
            await self._transaction.lock(("letter", letter_id))
        return await self._transaction.delete(self._transaction.mail, theirs)

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[QueuedLetter]:
        """Take those that nobody else holds."""
        await self._transaction.statement("mail.claim")
        due = [letter for letter in self._free() if _is_alive(letter, now)]
        claimed = []
        for letter in sorted(due, key=lambda each: each.next_attempt_at)[:limit]:
            await self._transaction.lock(("letter", letter.id))
            claimed.append(
                msgspec.structs.replace(
                    letter, claimed_at=now, next_attempt_at=until, attempts=letter.attempts + 1
                )
            )
            self._transaction.mail[letter.id] = claimed[-1]
        return claimed

    async def sent(self, letter: QueuedLetter) -> None:
        """Remove it."""
        await self._transaction.statement("mail.sent")
        await self._transaction.lock(("letter", letter.id))
        await self._transaction.delete(self._transaction.mail, [letter.id])

    async def postpone(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        """Give it back."""
        await self._transaction.statement("mail.postpone")
        await self._change(letter, claimed_at=None, next_attempt_at=at, last_error=reason)

    async def bury(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        """Erase what it said."""
        await self._transaction.statement("mail.bury")
        await self._change(
            letter, claimed_at=None, dead_at=at, sealed_values=None, last_error=reason
        )

    async def get(self, letter_id: LetterId) -> QueuedLetter | None:
        """The letter, or None."""
        await self._transaction.statement("mail.get")
        return self._transaction.mail.get(letter_id)

    async def page(self, *, after: LetterId | None = None, limit: int = 100) -> list[QueuedLetter]:
        """Letters in the order of their ids."""
        await self._transaction.statement("mail.page")
        letters = sorted(self._transaction.mail.values(), key=lambda letter: letter.id)
        return [letter for letter in letters if after is None or letter.id > after][:limit]

    async def backlog(self) -> MailBacklog:
        """Count those that live."""
        await self._transaction.statement("mail.backlog")
        letters = self._transaction.mail.values()
        written = [letter.created_at for letter in letters if letter.dead_at is None]
        return MailBacklog(len(written), min(written, default=None))

    async def make_due(self, now: datetime, letter_ids: Sequence[LetterId] | None = None) -> int:
        """Move those that wait."""
        await self._transaction.statement("mail.make_due")
        moved = 0
        for letter in list(self._transaction.mail.values()):
            meant = letter_ids is None or letter.id in letter_ids
            waits = letter.claimed_at is None or letter.next_attempt_at <= now
            if meant and waits and letter.dead_at is None:
                await self._transaction.lock(("letter", letter.id))
                self._transaction.mail[letter.id] = msgspec.structs.replace(
                    letter, next_attempt_at=now
                )
                moved += 1
        return moved

    async def reseal(self, letter: QueuedLetter, sealed_values: bytes) -> None:
        """Replace them if they are the same."""
        await self._transaction.statement("mail.reseal")
        await self._transaction.lock(("letter", letter.id))
        stored = self._transaction.mail.get(letter.id)
        if stored is not None and stored.sealed_values == letter.sealed_values:
            self._transaction.mail[letter.id] = msgspec.structs.replace(
                stored, sealed_values=sealed_values
            )

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove the oldest."""
        await self._transaction.statement("mail.sweep")
        over = sorted(letter.id for letter in self._free() if letter.created_at < before)
        locked = [("letter", letter_id) for letter_id in over[:limit]]
        for key in locked:
            await self._transaction.lock(key)
        return await self._transaction.delete(self._transaction.mail, over[:limit])

    def _free(self) -> list[QueuedLetter]:
        letters = self._transaction.mail.values()
        return [each for each in letters if self._transaction.is_free(("letter", each.id))]

    async def _change(self, letter: QueuedLetter, **changes: object) -> None:
        await self._transaction.lock(("letter", letter.id))
        stored = self._transaction.mail.get(letter.id)
        if stored is not None and (stored.attempts, stored.dead_at) == (letter.attempts, None):
            self._transaction.mail[letter.id] = msgspec.structs.replace(stored, **changes)


class InMemoryMailer:
    """A mail server that takes everything, or fails as it is told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.failing: Callable[[Message], MailFailure | None] = lambda _: None
        """Called with each message before it is taken."""

    async def send(self, message: Message) -> None:
        """Take it or fail."""
        failure = self.failing(message)
        if failure is not None:
            raise failure
        self.sent.append(message)


class PlainRenderer:
    """Writes down what a letter holds. Its link is what the link of a real letter would carry."""

    def render(self, letter: Letter) -> Message:
        """All values, one a line. Raises KeyError when the secret of the letter is missing."""
        values = letter.values
        link = values.get("token") or values.get("code")
        if link is None and (
            letter.template in LINK_PATHS or letter.template is MailTemplate.SIGN_IN_CODE
        ):
            raise KeyError("token")
        text = "\n".join(f"{name}: {value}" for name, value in values.items()) or "-"
        return Message(
            id=letter.id,
            to=letter.to,
            language="en",
            subject=letter.template.value,
            text=text,
            html=f"<pre>{escape(text, quote=False)}</pre>",
            link=link if letter.template in LINK_PATHS else None,
            code=values.get("code"),
        )


def _is_alive(letter: QueuedLetter, now: datetime) -> bool:
    return letter.dead_at is None and letter.next_attempt_at <= now


if TYPE_CHECKING:
    _queue: type[MailQueue] = InMemoryMailOutbox
    _mailer: type[Mailer] = InMemoryMailer
    _renderer: type[LetterRenderer] = PlainRenderer
