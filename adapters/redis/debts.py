"""What this process still owes the cache: states that must go before it may be trusted."""

from itertools import islice
from typing import NamedTuple

from auth_core.kernel import SessionId, UserId


class Debt(NamedTuple):
    """A user's state to drop, and those of sessions of theirs, which are buried if ``over``."""

    user_id: UserId
    session_ids: tuple[SessionId, ...]
    since: float
    over: bool = True


class Debts:
    """A bounded list of debts. A debt older than ``window`` seconds has paid itself: by then
    whatever it is about has expired.
    """

    def __init__(self, *, window: float, limit: int) -> None:
        self._window = window
        self._limit = limit
        self._serial = 0
        self._open: dict[int, Debt] = {}
        self.settled_at = 0.0
        """When all debts that had to be forgotten will have paid themselves."""

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, serial: int) -> bool:
        return serial in self._open

    def first(self, count: int) -> list[int]:
        """The numbers of the oldest debts."""
        return list(islice(self._open, count))

    def get(self, serial: int) -> Debt | None:
        """The debt of this number, or None when it is paid or forgotten."""
        return self._open.get(serial)

    def add(self, debt: Debt) -> int:
        """Remember a debt under the number that is returned; forgets the oldest if it must."""
        if len(self._open) >= self._limit:
            oldest = self._open.pop(next(iter(self._open)))
            self.settled_at = max(self.settled_at, oldest.since + self._window)
        self._serial += 1
        self._open[self._serial] = debt
        return self._serial

    def pay(self, serial: int) -> None:
        """Strike out a debt; a no-op if it is not there."""
        self._open.pop(serial, None)
