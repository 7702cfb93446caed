"""Removing what is older than the deployment keeps, without breaking a chain."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from auth_core.audit.chain import PLATFORM_CHAIN, TrailEntry, link_of
from auth_core.audit.heads import Attestor, ChainState, HeadSealer
from auth_core.audit.ports import AuditLog, AuditLogUnitOfWork
from auth_core.kernel import Clock

BATCH = 1000


class AuditTrimming:
    """Removes from the beginning of chains, and says so in a checkpoint in the same commit."""

    def __init__(
        self,
        unit_of_work: Callable[[], AuditLogUnitOfWork],
        sealer: HeadSealer,
        clock: Clock,
        *,
        keep: timedelta | None,
    ) -> None:
        """Without ``keep`` everything is kept for ever."""
        self._unit_of_work = unit_of_work
        self._attestor = Attestor(sealer)
        self._clock = clock
        self._keep = keep

    async def run(self, *, batch: int = BATCH) -> int:
        """Trim every chain; returns how many records went. Raises Unavailable.

        A chain whose head or checkpoint is not of this service's making is left as it is. That of
        the platform comes last: it tells which persons were erased.
        """
        if self._keep is None:
            return 0
        before = self._clock.now() - self._keep
        async with self._unit_of_work() as uow:
            chains = await uow.audit_log.chains()
        total = 0
        for chain in sorted(chains, key=lambda each: each == PLATFORM_CHAIN):
            while done := await self._trim(chain, before, batch):
                total += done
        return total

    async def rewrap(self) -> int:
        """Attest heads and checkpoints under the current master key; returns of how many chains.

        Waits for whoever seals or trims, and passes over no chain that can be read. Raises
        Unavailable.
        """
        renewed = 0
        async with self._unit_of_work() as uow:
            chains = await uow.audit_log.chains()
        for chain in chains:
            async with self._unit_of_work() as uow:
                await uow.audit_log.turn(wait=True)
                state = (await uow.audit_log.states([chain])).get(chain)
                if state is None or (anew := self._attestor.renewed(state)) == state:
                    continue
                await uow.audit_log.keep_state(anew)
                await uow.commit()
                renewed += 1
        return renewed

    async def _trim(self, chain: UUID, before: datetime, batch: int) -> int:
        async with self._unit_of_work() as uow:
            log = uow.audit_log
            if not await log.turn():
                return 0
            state = (await log.states([chain])).get(chain)
            if state is None or not self._is_whole(state):
                return 0
            last = await self._last_over(log, state, before, batch)
            if last is None:
                return 0
            link = link_of(last)
            await log.keep_state(
                msgspec.structs.replace(
                    state,
                    trimmed_position=link.position,
                    sealed_checkpoint=self._attestor.checkpoint(chain, link, self._clock.now()),
                )
            )
            removed = await log.trim(chain, link.position)
            await uow.commit()
        return removed

    def _is_whole(self, state: ChainState) -> bool:
        untouched = state.trimmed_position == 0 and state.sealed_checkpoint is None
        return self._attestor.read_head(state) is not None and (
            untouched or self._attestor.read_checkpoint(state) is not None
        )

    async def _last_over(
        self, log: AuditLog, state: ChainState, before: datetime, batch: int
    ) -> TrailEntry | None:
        """The last of the first records that are all older than ``before``."""
        last = None
        for entry in await log.sealed(state.chain, after=state.trimmed_position, limit=batch):
            if entry.occurred_at >= before:
                break
            last = entry
        return last
