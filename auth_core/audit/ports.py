"""What the audit trail needs: a place that only grows, and the chain over it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from auth_core.audit.chain import TrailEntry
from auth_core.audit.heads import ChainState
from auth_core.audit.model import AuditRecord
from auth_core.audit.query import AuditQuery
from auth_core.kernel import UnitOfWork, UserId


class AuditTrail(Protocol):
    """Append-only."""

    async def append(self, record: AuditRecord) -> None:
        """Add a record. It stands if, and only if, the unit of work commits."""
        ...


class AuditLog(Protocol):
    """The trail from its other end: sealing, reading, trimming. All hold with the commit.

    A record that is sealed cannot be changed any more, but for its detail and the salt of that,
    which an erasure empties; nor removed, but up to the checkpoint of its chain.
    """

    async def waiting(self) -> bool:
        """Whether any record is unsealed; locks nothing."""
        ...

    async def turn(self, *, wait: bool = False) -> bool:
        """Be the only one to seal or trim until this transaction ends.

        If another is, False at once, or True after its end for who chooses to ``wait``.
        """
        ...

    async def unsealed(self, limit: int, *, without: Collection[UUID] = ()) -> list[TrailEntry]:
        """Committed records without a place, the oldest first, none of the chains ``without``.

        They are held until the transaction ends; what an erasure holds is left out.
        """
        ...

    async def states(self, chains: Collection[UUID]) -> Mapping[UUID, ChainState]:
        """The stored states of those of ``chains`` that have one."""
        ...

    async def begun(self, chains: Collection[UUID]) -> set[UUID]:
        """Those of ``chains`` that have a sealed record."""
        ...

    async def seal(self, entries: Sequence[TrailEntry], states: Sequence[ChainState]) -> None:
        """Give entries their places and keep the new states of their chains.

        Raises Conflict, and writes nothing, when a place is taken.
        """
        ...

    async def chains(self) -> list[UUID]:
        """Every chain that has a state or a sealed record."""
        ...

    async def sealed(self, chain: UUID, *, after: int, limit: int) -> list[TrailEntry]:
        """The records of a chain behind the position ``after``, in order."""
        ...

    async def erased(self, user_ids: Collection[UserId | UUID]) -> set[UUID]:
        """Those of these users whose erasure is on the trail."""
        ...

    async def started(self) -> set[UUID]:
        """The chains whose beginning is told in that of the platform."""
        ...

    async def keep_state(self, state: ChainState) -> None:
        """Replace the state of a chain that has one."""
        ...

    async def trim(self, chain: UUID, upto: int) -> int:
        """Remove the records up to this position, which the kept checkpoint covers; how many."""
        ...

    async def search(self, query: AuditQuery) -> list[TrailEntry]:
        """Records that fit, the newest first, sealed or not."""
        ...


class AuditUnitOfWork(UnitOfWork, Protocol):
    """A transaction that leaves a trail."""

    @property
    def audit(self) -> AuditTrail:
        """The trail that this transaction appends to."""
        ...


class AuditLogUnitOfWork(AuditUnitOfWork, Protocol):
    """A transaction over the whole trail."""

    @property
    def audit_log(self) -> AuditLog:
        """The trail from its other end."""
        ...
