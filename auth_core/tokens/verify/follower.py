"""Keeps the view of revocations up to date: reads the feed, reconnects, resumes."""

from collections.abc import Callable
from random import Random
from threading import Event

from auth_core.kernel import Clock
from auth_core.tokens.verify.ports import (
    Alive,
    Feed,
    FeedMessage,
    Reset,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)
from auth_core.tokens.verify.revocations import RevokedSessions

SILENCE = 3.0
"""Seconds without a proof of freshness after which a connection is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between attempts, doubling; each is shortened by chance, up to a half."""

STEADY = 1.0
"""A connection that was of use for less than this many seconds is not made again at once."""


class Follower:
    """Reads one feed in the thread that calls `run`.

    A proof counts from the moment it arrived, less what it took longer on its way than the quickest
    one of its connection. So neither a repeated ``as_of`` nor a growing delay passes for fresh.
    """

    def __init__(
        self,
        source: RevocationSource,
        revoked: RevokedSessions,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self.trouble: str | None = "the revocations have not been read yet"
        self.pause = FIRST_PAUSE
        self._source = source
        self._revoked = revoked
        self._clock = clock
        self._monotonic = monotonic
        self._cursor: str | None = None
        self._feed: Feed | None = None
        self._heard_at = self._delay = float("inf")
        self._stopping = False
        # its own: a library leaves the generator of its host alone
        self._chance = Random()  # noqa: S311 - spreads, hides nothing

    def run(self, stopped: Event, changed: Callable[[], None]) -> None:
        """Follow until ``stopped`` and `stop`. ``changed`` is called after each message."""
        while not stopped.is_set():
            self.follow(changed)
            stopped.wait(self.pause * (1 - self._chance.random() / 2))

    def stop(self) -> None:
        """Cut the connection, from any thread."""
        self._stopping = True
        feed = self._feed
        if feed is not None:
            feed.close()

    def follow(self, changed: Callable[[], None] = lambda: None) -> None:
        """One connection, from its beginning to its end. Says in ``trouble`` why it ended."""
        began, fresh_until = self._monotonic(), self._revoked.fresh_until
        self._heard_at, self._delay = began, float("inf")
        try:
            self._read(changed)
        except SourceLost as lost:
            self.trouble = str(lost)
        except Exception as error:  # noqa: BLE001 - whatever it is, the feed must come back
            self.trouble = f"unexpected {type(error).__name__}"
        if self._revoked.fresh_until <= fresh_until:
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
        elif self._monotonic() - began < STEADY:
            self.pause = min(2 * self.pause, STEADY)
        else:
            self.pause = FIRST_PAUSE

    def _read(self, changed: Callable[[], None]) -> None:
        feed = self._feed = self._source.follow(self._cursor)
        try:
            for message in feed:
                if self._stopping or not self._take(message):
                    break
                changed()
        finally:
            feed.close()

    def _take(self, message: FeedMessage | None) -> bool:
        """Learn from one message; False when this connection has nothing more to give."""
        match message:
            case Snapshot():
                self._revoked.add(message.revocations)
                self._cursor = message.cursor
                self._prove(message.asked_at)
                self._heard_at = self._monotonic()
            case Revoked():
                self._revoked.add((message.revocation,))
                self._cursor = message.cursor or self._cursor
            case Alive():
                self._delay = min(self._delay, self._monotonic() - message.as_of)
                self._cursor = message.cursor or self._cursor
                self._prove(message.as_of + self._delay)
            case Reset():
                self._cursor = None
                return False
        if not self._revoked.sweep(self._clock.now().timestamp()):
            self._cursor = None
            raise SourceLost("our clock was set back")
        if self._monotonic() - self._heard_at > SILENCE:
            raise SourceLost("it does not say that it is up to date")
        return True

    def _prove(self, moment: float) -> None:
        self._heard_at = max(self._heard_at, moment)
        self._revoked.prove(moment)
        self.trouble = None
