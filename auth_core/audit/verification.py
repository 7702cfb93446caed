"""Finding what somebody did to the trail, and naming it."""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from auth_core.audit.chain import (
    PLATFORM_CHAIN,
    Link,
    TrailEntry,
    detail_fits,
    hash_of,
    link_of,
)
from auth_core.audit.heads import Attestor, ChainState, HeadSealer
from auth_core.audit.ports import AuditLogUnitOfWork

_PAGE = 1000
_TRIES = 3


class Fault(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    """The record is not the one that was sealed."""
    MISSING = "missing"
    """There is no record at this position, nor up to ``until``."""
    UNEXPECTED = "unexpected"
    """The record does not belong there: inserted, moved, or the head was put back."""
    DETAIL_CHANGED = "detail_changed"
    """Its detail is not the sealed one, or was emptied without an erasure of its person."""
    HEAD_FORGED = "head_forged"
    """What says where the chain ends is missing or not of this service's making."""
    CHECKPOINT_FORGED = "checkpoint_forged"
    """What says up to where the chain was trimmed is not of this service's making."""
    CHAIN_MISSING = "chain_missing"
    """A chain that had begun is gone as a whole."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, at a position and of a record where there is one."""

    chain: UUID
    fault: Fault
    position: int | None = None
    until: int | None = None
    record_id: UUID | None = None


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one chain. Keep ``head`` elsewhere: it tells an older one that was put
    back.
    """

    chain: UUID
    records: int
    trimmed: int
    head: Link
    findings: Sequence[Finding]


class AuditVerification:
    """Reads chains from end to end, while the service goes on."""

    def __init__(self, unit_of_work: Callable[[], AuditLogUnitOfWork], sealer: HeadSealer) -> None:
        self._unit_of_work = unit_of_work
        self._attestor = Attestor(sealer)

    async def verify(self, chain: UUID | None = None) -> AsyncIterator[ChainReport]:
        """A report on each chain, or on one. Raises Unavailable."""
        if chain is not None:
            yield await self._report(chain)
            return
        async with self._unit_of_work() as uow:
            chains = {*await uow.audit_log.chains(), *await uow.audit_log.started()}
        if chains:
            chains.add(PLATFORM_CHAIN)
        for each in sorted(chains):
            yield await self._report(each)

    async def _report(self, chain: UUID) -> ChainReport:
        """Anew when the chain was trimmed meanwhile."""
        for _ in range(_TRIES):
            before = await self._state(chain)
            walk = _Walk(chain, before, self._attestor)
            await self._follow(walk)
            after = await self._state(chain)
            if _trimmed(before) == _trimmed(after):
                break
        return walk.report()

    async def _state(self, chain: UUID) -> ChainState | None:
        async with self._unit_of_work() as uow:
            return (await uow.audit_log.states([chain])).get(chain)

    async def _follow(self, walk: "_Walk") -> None:
        while True:
            async with self._unit_of_work() as uow:
                page = await uow.audit_log.sealed(walk.chain, after=walk.seen, limit=_PAGE)
                emptied = {
                    entry.user_id
                    for entry in page
                    if entry.detail is None and entry.detail_digest and entry.user_id
                }
                erased = await uow.audit_log.erased(emptied) if emptied else set()
                state = (await uow.audit_log.states([walk.chain])).get(walk.chain)
            walk.take(page, erased)
            if len(page) < _PAGE:
                walk.finish(state)
                return


def _trimmed(state: ChainState | None) -> int:
    return 0 if state is None else state.trimmed_position


class _Walk:
    """One way along a chain."""

    def __init__(self, chain: UUID, state: ChainState | None, attestor: Attestor) -> None:
        self.chain = chain
        self._attestor = attestor
        self._findings: list[Finding] = []
        self._named: set[int] = set()
        self._records = 0
        self._last: TrailEntry | None = None
        self._start = Link()
        if state is not None and (state.trimmed_position or state.sealed_checkpoint):
            told = attestor.read_checkpoint(state)
            if told is None:
                self._find(Fault.CHECKPOINT_FORGED, state.trimmed_position)
            else:
                self._start = told.link
        self._link = self._start
        self.seen = 0

    def take(self, page: Sequence[TrailEntry], erased: set[UUID]) -> None:
        """The next records, in the order of their positions."""
        for entry in page:
            self._step(entry, erased)
            self._records += 1
            self._last, self._link = entry, link_of(entry)
            self.seen = self._link.position

    def finish(self, state: ChainState | None) -> None:
        """After the last record: compare with the head, as it was read after the last page."""
        if state is None:
            if self._records:
                self._find(Fault.HEAD_FORGED)
            else:
                self._find(Fault.CHAIN_MISSING)
            return
        told = self._attestor.read_head(state)
        if told is None:
            self._find(Fault.HEAD_FORGED, state.position)
            return
        head = told.link
        self._missing(self._link.position + 1, head.position)
        if head.position < self._link.position:
            self._find(Fault.UNEXPECTED, self._link.position, self._last)
        elif head.position == self._link.position and head.hash != self._link.hash:
            self._find(Fault.CHANGED, head.position, self._last)

    def report(self) -> ChainReport:
        """What was found."""
        return ChainReport(
            chain=self.chain,
            records=self._records,
            trimmed=self._start.position,
            head=self._link,
            findings=sorted(self._findings, key=lambda found: found.position or 0),
        )

    def _step(self, entry: TrailEntry, erased: set[UUID]) -> None:
        position = entry.position or 0
        expected = self._link.position + 1
        if position < expected:
            self._find(Fault.UNEXPECTED, position, entry)
            return
        self._missing(expected, position - 1)
        if entry.chain != self.chain or hash_of(entry) != entry.hash:
            self._find(Fault.CHANGED, position, entry)
        elif position == expected and entry.previous_hash != self._link.hash:
            self._blame_before(entry, position)
        if entry.detail is not None or entry.detail_digest is not None:
            gone = entry.detail is None and entry.user_id in erased
            if not gone and not detail_fits(entry):
                self._find(Fault.DETAIL_CHANGED, position, entry)

    def _blame_before(self, entry: TrailEntry, position: int) -> None:
        """A record that is whole follows another one than was there: that one was replaced."""
        if self._last is None:  # what stood before the first one was trimmed, or is not there
            self._find(Fault.UNEXPECTED, position, entry)
        else:
            self._find(Fault.CHANGED, position - 1, self._last)

    def _missing(self, first: int, last: int) -> None:
        if first <= last:
            self._findings.append(
                Finding(chain=self.chain, fault=Fault.MISSING, position=first, until=last)
            )

    def _find(
        self, fault: Fault, position: int | None = None, of: TrailEntry | None = None
    ) -> None:
        if position is not None and fault is not Fault.CHECKPOINT_FORGED:
            if position in self._named:  # named once is enough
                return
            self._named.add(position)
        self._findings.append(
            Finding(
                chain=self.chain,
                fault=fault,
                position=position,
                record_id=None if of is None else of.id,
            )
        )
