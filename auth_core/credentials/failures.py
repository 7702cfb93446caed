"""How many wrong passwords in a row an account bears (NIST SP 800-63B-4 §3.2.2)."""

from datetime import datetime, timedelta

import msgspec

from auth_core.credentials.password import Account


class FailurePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Back-off from the ``free``-th failure in a row on, and the end at the ``limit``-th."""

    free: int = 5
    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(hours=1)
    limit: int = 100

    def wait(self, failures: int) -> timedelta:
        """How long after that many failures no password is looked at: doubling up to an hour."""
        doublings = max(0, min(failures - self.free, 30))
        wait = min(self.first_wait * (1 << doublings), self.longest_wait)
        return timedelta(0) if failures < self.free else wait

    def admits(self, account: Account, now: datetime) -> bool:
        """Whether a password may be tried now. A clock that was set back shortens no wait."""
        failures, last = account.consecutive_failures, account.last_failed_at
        wait = self.wait(failures)  # of an account that does not wait, too (SEC-01)
        if account.disabled_at is not None or failures >= self.limit:
            return False
        return last is None or now >= last + wait
