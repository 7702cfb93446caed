"""A table in memory as one transaction sees it: what is committed, and what it wrote itself."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Rows(Generic[K, V]):
    """Rows by their keys; what is dropped is gone for this transaction at once."""

    def __init__(self, committed: dict[K, V]) -> None:
        self._committed = committed
        self._staged: dict[K, V | None] = {}

    def get(self, key: K) -> V | None:
        """The row, or None."""
        return self._staged[key] if key in self._staged else self._committed.get(key)

    def put(self, key: K, row: V) -> V:
        """Add or replace a row; returns it."""
        self._staged[key] = row
        return row

    def drop(self, key: K) -> None:
        """Remove a row, if it is there."""
        self._staged[key] = None

    def where(self, matches: Callable[[V], bool]) -> list[V]:
        """The rows that match."""
        keys = dict.fromkeys([*self._committed, *self._staged])
        return [row for key in keys if (row := self.get(key)) is not None and matches(row)]

    def drop_where(self, matches: Callable[[K, V], bool]) -> None:
        """Remove the rows that match."""
        for key in dict.fromkeys([*self._committed, *self._staged]):
            row = self.get(key)
            if row is not None and matches(key, row):
                self.drop(key)

    def commit(self) -> None:
        """Make it what others see."""
        for key, row in self._staged.items():
            if row is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = row
