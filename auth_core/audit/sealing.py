"""Putting committed records into their chains, in batches, beside the requests.

A request only adds its record; nobody waits for a chain. The seal follows within about a second.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from auth_core.audit.actions import AuditAction
from auth_core.audit.chain import PLATFORM_CHAIN, Link, TrailEntry, link_of, sealed
from auth_core.audit.heads import Attestor, ChainState, HeadSealer
from auth_core.audit.model import AuditRecord
from auth_core.audit.ports import AuditLog, AuditLogUnitOfWork
from auth_core.kernel import Clock, Entropy, EventId, Ids

BATCH = 1000
_SALT_BYTES = 16


class AuditSealing:
    """Seals. Any number may run at once, and be cut off anywhere: one transaction, one at a time.

    A chain whose head is not of this service's making gets no more records: it would be vouched
    for. It is named in ``broken`` until `fm-auth audit verify` has told what is wrong with it.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], AuditLogUnitOfWork],
        sealer: HeadSealer,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._attestor = Attestor(sealer)
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self.broken: set[UUID] = set()

    async def run(self, *, batch: int = BATCH) -> int:
        """Seal what is committed; returns how many. Raises Unavailable, Conflict."""
        total = 0
        while done := await self._batch(batch):
            total += done
        return total

    async def _batch(self, limit: int) -> int:
        async with self._unit_of_work() as uow:
            if not await uow.audit_log.waiting() or not await uow.audit_log.turn():
                return 0
            entries = await uow.audit_log.unsealed(limit, without=self.broken)
            if not entries:
                return 0
            links = await self._links(uow.audit_log, {entry.own_chain for entry in entries})
            placed = self._placed(entries, links.copy())
            if not placed:  # all of broken chains, which are left out from now on
                return len(entries)
            now = self._clock.now()
            await uow.audit_log.seal(placed, self._states(placed, now))
            for chain, link in links.items():
                if link.position == 0 and chain != PLATFORM_CHAIN:
                    await uow.audit.append(self._started(chain, now))
            await uow.commit()
        return len(placed)

    async def _links(self, log: AuditLog, chains: set[UUID]) -> dict[UUID, Link]:
        """Where those chains end that may go on."""
        states = await log.states(chains)
        new = chains - states.keys()
        begun = await log.begun(new) if new else set()
        links = {chain: Link() for chain in new - begun}
        for chain, state in states.items():
            head = self._attestor.read_head(state)
            if head is not None:
                links[chain] = head.link
        self.broken |= chains - links.keys()
        return links

    def _placed(self, entries: Sequence[TrailEntry], links: dict[UUID, Link]) -> list[TrailEntry]:
        placed = []
        for entry in entries:
            link = links.get(entry.own_chain)
            if link is not None:
                placed.append(sealed(entry, link, self._entropy.token_bytes(_SALT_BYTES).hex()))
                links[entry.own_chain] = link_of(placed[-1])
        return placed

    def _states(self, placed: Sequence[TrailEntry], now: datetime) -> list[ChainState]:
        ends = {entry.own_chain: link_of(entry) for entry in placed}
        return [
            ChainState(
                chain=chain,
                position=link.position,
                sealed_head=self._attestor.head(chain, link, now),
            )
            for chain, link in sorted(ends.items())
        ]

    def _started(self, chain: UUID, now: datetime) -> AuditRecord:
        """In the platform's chain, so that no chain can vanish as a whole."""
        return AuditRecord(
            id=EventId(self._ids.uuid()),
            occurred_at=now,
            action=AuditAction.AUDIT_CHAIN_STARTED,
            reason="first_record",
            actor_id=None,
            via_session_id=None,
            target=f"organization:{chain}",
        )
