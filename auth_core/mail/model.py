"""Letters in the queue, what becomes of them, and when they are tried again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from auth_core.kernel import Email, LetterId, MailTemplate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DELAY = timedelta(seconds=10)
_MOST_DOUBLINGS = 20


class LetterStatus(StrEnum):
    """Where a stored letter stands. One that was sent is stored no more."""

    WAITING = "waiting"
    SENDING = "sending"
    DEAD = "dead"


class QueuedLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as it is stored. ``sealed_values`` are gone once it is dead."""

    id: LetterId
    to: Email
    template: MailTemplate
    locale: str | None
    sealed_values: bytes | None
    created_at: datetime
    next_attempt_at: datetime
    """When it is due; while it is being sent, when others may take it for lost and try it again."""
    claimed_at: datetime | None = None
    attempts: int = 0
    last_error: str | None = None
    dead_at: datetime | None = None

    def __repr__(self) -> str:
        return f"QueuedLetter(id={self.id!r}, template={self.template.value!r})"

    def status(self, now: datetime) -> LetterStatus:
        """Where it stands at ``now``."""
        if self.dead_at is not None:
            return LetterStatus.DEAD
        if self.claimed_at is not None and self.next_attempt_at > now:
            return LetterStatus.SENDING
        return LetterStatus.WAITING


class MailBacklog(msgspec.Struct, frozen=True):
    """Letters that are not sent and not dead: how many, and when the oldest one was written."""

    depth: int
    oldest: datetime | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as its reader gets it. ``link`` and ``code`` also stand in both texts."""

    id: LetterId
    to: Email
    language: str
    """The BCP 47 tag of the language that it is written in."""
    subject: str
    text: str
    html: str
    link: str | None = None
    code: str | None = None

    def __repr__(self) -> str:
        return f"Message(id={self.id!r})"


class MailFailure(Exception):
    """A message was not taken. ``reason`` is a code that names no person: ``smtp_550``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class MailServerDown(MailFailure):
    """No letter can be sent now, whoever it is for: no connection, no admission."""


class MailDelayed(MailFailure):
    """The letter was not taken for now (a 4xx of RFC 5321 §4.2.1, a time limit)."""


class MailRejected(MailFailure):
    """The letter will never be taken (a 5xx of RFC 5321 §4.2.1)."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to try again. RFC 5321 §4.5.4.1 wants 4 to 5 days for mail between people; a link that
    lives for minutes wants less.
    """

    longest_delay: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(hours=48)
    """Age at which a letter that fails again is dead."""

    def next_attempt(self, letter: QueuedLetter, now: datetime) -> datetime | None:
        """When a letter that has just failed is due again, or None: give up.

        10 s after the first attempt, then twice as long each time, up to ``longest_delay``.
        """
        if now - letter.created_at >= self.give_up_after:
            return None
        doublings = min(max(letter.attempts - 1, 0), _MOST_DOUBLINGS)
        delay: timedelta = _FIRST_DELAY * (1 << doublings)
        return now + min(delay, self.longest_delay)


class Fate(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    DELAYED = "delayed"
    DEAD = "dead"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, for the operator's log: it names no recipient."""

    id: LetterId
    template: MailTemplate
    attempts: int
    fate: Fate
    reason: str | None = None


class Relayed(msgspec.Struct, frozen=True):
    """What one run of the relay did."""

    outcomes: Sequence[Outcome] = ()

    def count(self, fate: Fate) -> int:
        """How many letters met this fate."""
        return sum(outcome.fate is fate for outcome in self.outcomes)


def written_at(letter_id: LetterId) -> datetime:
    """When a letter was made: its id begins with the time (RFC 9562 §5.7)."""
    return _EPOCH + timedelta(milliseconds=letter_id.int >> 80)
