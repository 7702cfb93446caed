"""The sealed side of the audit trail in memory: committed, or what a transaction adds to it."""

from collections import ChainMap
from collections.abc import Collection
from typing import Self
from uuid import UUID

import msgspec

from auth_core.audit import ChainState, TrailEntry


class TrailRows:
    """Sealed records by their ids, and the states of chains."""

    def __init__(self, under: Self | None = None) -> None:
        """A transaction's own ``under`` the committed ones."""
        self._under = under
        self.places: ChainMap[UUID, TrailEntry] = ChainMap({}, under.places if under else {})
        self.chains: ChainMap[UUID, ChainState] = ChainMap({}, under.chains if under else {})
        self.trimmed: set[UUID] = set()

    def commit(self, redacted: Collection[UUID]) -> None:
        """Make it visible; the details of those who are ``redacted`` go."""
        if self._under is None:
            return
        committed = self._under.places
        committed.update(self.places.maps[0])
        self._under.chains.update(self.chains.maps[0])
        for gone in self.trimmed:
            committed.pop(gone, None)
        for key, entry in committed.items():
            if entry.user_id in redacted:
                committed[key] = msgspec.structs.replace(entry, detail=None, detail_salt=None)
