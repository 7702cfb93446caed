"""Which sessions have ended, as far as this process knows, and how sure it is of that."""

from collections.abc import Iterable
from threading import Lock

from auth_core.tokens.verify.ports import Revocation, SourceLost

MAX_SESSIONS = 1_000_000
"""More than this and the view gives up: it refuses instead of forgetting."""
SWEEP_SECONDS = 60


class RevokedSessions:
    """A set of ended sessions; each stays until its last token is dead, and at most a minute on.

    Written by one thread, read by any. ``fresh_until`` is on the monotonic clock: up to it the set
    is complete enough. ``swept_until`` is in epoch seconds: what died before it is not remembered,
    so a token from before it is dead even if the clock was set back. Read it first.
    """

    def __init__(self, *, staleness: float, limit: int = MAX_SESSIONS) -> None:
        self.sessions: dict[int, int] = {}
        self.fresh_until = float("-inf")
        self.swept_until = 0
        self._staleness = staleness
        self._limit = limit
        self._by_minute: dict[int, list[int]] = {}
        self._writing = Lock()

    def __len__(self) -> int:
        return len(self.sessions)

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Remember these, too. Raises SourceLost when there are too many to remember."""
        sessions = self.sessions
        with self._writing:
            for revocation in revocations:
                session, expires_at = revocation.session_id.int, revocation.expires_at
                known = sessions.get(session)
                if expires_at < self.swept_until or (known is not None and known >= expires_at):
                    continue
                if known is None and len(sessions) >= self._limit:
                    self.fresh_until = float("-inf")
                    raise SourceLost("it has more revocations than can be remembered")
                sessions[session] = expires_at
                self._by_minute.setdefault(expires_at // SWEEP_SECONDS, []).append(session)

    def prove(self, moment: float) -> None:
        """The set was complete at this monotonic moment."""
        self.fresh_until = max(self.fresh_until, moment + self._staleness)

    def sweep(self, now: float) -> bool:
        """Forget what is dead. False when the clock was set back: all must be read anew."""
        minute = int(now) // SWEEP_SECONDS
        with self._writing:
            if (minute + 1) * SWEEP_SECONDS < self.swept_until:
                self.fresh_until = float("-inf")  # before the next line: readers look in this order
                self.swept_until = 0
                return False
            for past in [each for each in self._by_minute if each < minute]:
                for session in self._by_minute.pop(past):
                    if self.sessions.get(session, 0) // SWEEP_SECONDS == past:
                        del self.sessions[session]
                self.swept_until = max(self.swept_until, (past + 1) * SWEEP_SECONDS)
        return True
