"""The audit trail over the store in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from auth_core.audit import (
    PLATFORM_CHAIN,
    AuditAction,
    AuditLog,
    AuditLogUnitOfWork,
    AuditQuery,
    AuditRecord,
    AuditService,
    AuditTrail,
    ChainState,
    HeadSealer,
    TrailEntry,
)
from auth_core.kernel import Clock, Conflict, Entropy, Ids, Secret, UserId
from auth_core.testing.clock import DeterministicIds
from auth_core.testing.crypto import ToySealer
from auth_core.testing.store import Transaction

_TURN = "the audit trail"


class InMemoryAuditTrail:
    """Audit records of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(self, record: AuditRecord) -> None:
        """Keep it until the commit."""
        await self._transaction.statement("audit.append")
        self._transaction.audit.append(record)


class InMemoryAuditLog:
    """The trail from its other end."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def waiting(self) -> bool:
        """Whether any committed record has no place."""
        await self._transaction.statement("audit_log.waiting")
        return bool(self._waiting())

    async def turn(self, *, wait: bool = False) -> bool:
        """Take the lock, if nobody has it or when it is free."""
        await self._transaction.statement("audit_log.turn")
        if not wait and not self._transaction.is_free(_TURN):
            return False
        await self._transaction.lock(_TURN)
        return True

    async def unsealed(self, limit: int, *, without: Collection[UUID] = ()) -> list[TrailEntry]:
        """The oldest without a place."""
        await self._transaction.statement("audit_log.unsealed")
        found = [entry for entry in self._waiting() if entry.own_chain not in without]
        return sorted(found, key=lambda entry: entry.id)[:limit]

    async def states(self, chains: Collection[UUID]) -> Mapping[UUID, ChainState]:
        """Those that are there."""
        await self._transaction.statement("audit_log.states")
        known = self._transaction.trail.chains
        return {chain: known[chain] for chain in chains if chain in known}

    async def begun(self, chains: Collection[UUID]) -> set[UUID]:
        """Those with a sealed record."""
        await self._transaction.statement("audit_log.begun")
        return {entry.own_chain for entry in self._places()} & set(chains)

    async def seal(self, entries: Sequence[TrailEntry], states: Sequence[ChainState]) -> None:
        """Keep places and heads."""
        await self._transaction.statement("audit_log.seal")
        taken = {(entry.chain, entry.position) for entry in self._places()}
        for entry in entries:
            if (entry.chain, entry.position) in taken:
                self._transaction.violated(Conflict())
            self._transaction.trail.places[entry.id] = entry
        for state in states:
            before = self._transaction.trail.chains.get(state.chain, state)
            self._transaction.trail.chains[state.chain] = ChainState(
                chain=state.chain,
                position=state.position,
                sealed_head=state.sealed_head,
                trimmed_position=before.trimmed_position,
                sealed_checkpoint=before.sealed_checkpoint,
            )

    async def chains(self) -> list[UUID]:
        """Every chain."""
        await self._transaction.statement("audit_log.chains")
        of_records = {entry.own_chain for entry in self._places()}
        return sorted(of_records | set(self._transaction.trail.chains))

    async def sealed(self, chain: UUID, *, after: int, limit: int) -> list[TrailEntry]:
        """By their positions."""
        await self._transaction.statement("audit_log.sealed")
        found = [
            entry
            for entry in self._places()
            if entry.chain == chain and entry.position is not None and entry.position > after
        ]
        return sorted(found, key=lambda entry: entry.position or 0)[:limit]

    async def erased(self, user_ids: Collection[UserId | UUID]) -> set[UUID]:
        """Those with a record of their erasure."""
        await self._transaction.statement("audit_log.erased")
        return {
            entry.user_id
            for entry in self._all()
            if entry.action == AuditAction.USER_ERASED and entry.user_id in user_ids
            if entry.user_id is not None
        }

    async def started(self) -> set[UUID]:
        """What the platform's chain tells."""
        await self._transaction.statement("audit_log.started")
        return {
            UUID(str(entry.target).removeprefix("organization:"))
            for entry in self._places()
            if entry.chain == PLATFORM_CHAIN and entry.action == AuditAction.AUDIT_CHAIN_STARTED
        }

    async def keep_state(self, state: ChainState) -> None:
        """Replace it."""
        await self._transaction.statement("audit_log.keep_state")
        self._transaction.trail.chains[state.chain] = state

    async def trim(self, chain: UUID, upto: int) -> int:
        """Remove what the checkpoint covers, with the commit."""
        await self._transaction.statement("audit_log.trim")
        gone = {
            entry.id
            for entry in self._places()
            if entry.chain == chain and entry.position is not None and entry.position <= upto
        }
        self._transaction.trail.trimmed |= gone
        return len(gone)

    async def search(self, query: AuditQuery) -> list[TrailEntry]:
        """The newest that fit."""
        await self._transaction.statement("audit_log.search")
        found = [entry for entry in self._all() if _fits(entry, query)]
        return sorted(found, key=lambda entry: entry.id, reverse=True)[: query.limit]

    def _places(self) -> list[TrailEntry]:
        gone = self._transaction.trail.trimmed
        return [entry for entry in self._transaction.trail.places.values() if entry.id not in gone]

    def _waiting(self) -> list[TrailEntry]:
        placed = self._transaction.trail.places
        return [
            TrailEntry.of(record)
            for record in self._transaction.stored_audit()
            if record.id not in placed
        ]

    def _all(self) -> list[TrailEntry]:
        return self._places() + self._waiting()


class _TrailPorts(msgspec.Struct, frozen=True):
    unit_of_work: Callable[[], AuditLogUnitOfWork]
    sealer: HeadSealer
    clock: Clock
    ids: Ids
    entropy: Entropy


def trail_service(
    unit_of_work: Callable[[], AuditLogUnitOfWork],
    clock: Clock,
    entropy: Entropy,
    *,
    keep: timedelta | None = None,
    master_key: bytes = b"a master key for trails",
) -> AuditService:
    """The service over a store, which vouches for its chains with a toy seal of ``master_key``."""
    sealer = ToySealer(Secret(master_key), entropy)
    ids = DeterministicIds(clock, entropy)
    return AuditService(_TrailPorts(unit_of_work, sealer, clock, ids, entropy), keep=keep)


def _fits(entry: TrailEntry, query: AuditQuery) -> bool:
    names = ("organization_id", "action", "result", "user_id", "actor_id")
    return (
        all(getattr(query, name) in {None, getattr(entry, name)} for name in names)
        and (query.since is None or entry.occurred_at >= query.since)
        and (query.until is None or entry.occurred_at < query.until)
        and (query.before is None or entry.id < query.before)
    )


if TYPE_CHECKING:
    _audit: type[AuditTrail] = InMemoryAuditTrail
    _log: type[AuditLog] = InMemoryAuditLog
