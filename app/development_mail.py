"""The development mailbox: letters that wait in the outbox, as their readers would get them."""

from auth_core.kernel import NOBODY, LetterId, Misconfigured
from auth_core.mail import LetterRenderer, MailOffice, Message, QueuedLetter

_PAGE = 500
SHOWN = 200
"""Letters that a list has; older ones can still be asked for by their ids."""


class DevelopmentMailbox:
    """Reads everybody's letters, secrets included. Never offer it outside development."""

    def __init__(self, office: MailOffice, renderer: LetterRenderer | None) -> None:
        self._office = office
        self._renderer = renderer

    async def newest(self) -> list[tuple[QueuedLetter, Message]]:
        """Up to 200 letters that can be read, newest first. Raises Unavailable."""
        letters: list[QueuedLetter] = []
        after = None
        while page := await self._office.page(after=after, limit=_PAGE):
            letters = [*letters, *(one for one in page if one.to != NOBODY)][-SHOWN:]
            after = page[-1].id
        read = ((letter, self._message(letter)) for letter in reversed(letters))
        return [(letter, message) for letter, message in read if message is not None]

    async def find(self, letter_id: LetterId) -> tuple[QueuedLetter, Message] | None:
        """The letter, or None when there is none that can be read. Raises Unavailable."""
        letter = await self._office.find(letter_id)
        message = None if letter is None else self._message(letter)
        return None if letter is None or message is None else (letter, message)

    def _message(self, letter: QueuedLetter) -> Message | None:
        if self._renderer is None:
            return None
        try:
            return self._renderer.render(self._office.opened(letter))
        except Misconfigured:  # dead, or sealed under another master key
            return None
