"""What a session must be for sensitive requests: its person's own, and freshly proved."""

from datetime import timedelta

from auth_core.kernel import Clock, ImpersonationRefused, InsufficientAuthentication
from auth_core.sessions.model import Session

DEFAULT_MAX_AGE = timedelta(minutes=15)


class StepUp:
    """Says no to sessions that are not good enough (RFC 9470)."""

    def __init__(self, clock: Clock, *, max_age: timedelta = DEFAULT_MAX_AGE) -> None:
        self._clock = clock
        self._max_age = max_age

    def require_recent(self, session: Session) -> None:
        """Raises InsufficientAuthentication, or ImpersonationRefused, which no proof heals."""
        require_own(session)
        if not session.was_authenticated_within(self._max_age, self._clock.now()):
            raise InsufficientAuthentication(max_age=int(self._max_age.total_seconds()))


def require_own(session: Session) -> None:
    """Raises ImpersonationRefused when somebody else acts for the user (SEC-70)."""
    if session.impersonator_id is not None:
        raise ImpersonationRefused
