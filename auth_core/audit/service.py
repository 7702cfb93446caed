"""All that is done with the trail but writing it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from auth_core.audit.actions import AuditAction
from auth_core.audit.chain import TrailEntry
from auth_core.audit.heads import HeadSealer
from auth_core.audit.model import AuditRecord, AuditResult
from auth_core.audit.ports import AuditLogUnitOfWork
from auth_core.audit.query import AuditQuery
from auth_core.audit.sealing import AuditSealing
from auth_core.audit.trimming import AuditTrimming
from auth_core.audit.verification import AuditVerification
from auth_core.kernel import Clock, Entropy, EventId, Ids, SessionId, UserId


class AuditPorts(Protocol):
    """What the trail needs from outside."""

    @property
    def unit_of_work(self) -> Callable[[], AuditLogUnitOfWork]:
        """Makes transactions."""
        ...

    @property
    def sealer(self) -> HeadSealer:
        """What vouches for heads and checkpoints."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def ids(self) -> Ids:
        """New ids."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Salts."""
        ...


class AuditService:
    """Seals, verifies, trims and reads the trail of all tenants."""

    def __init__(self, ports: AuditPorts, *, keep: timedelta | None = None) -> None:
        """Without ``keep`` records are kept for ever."""

        def whole_trail() -> AuditLogUnitOfWork:
            return ports.unit_of_work().for_platform()

        self._begin = ports.unit_of_work
        self._unit_of_work = whole_trail
        self._clock, self._ids = ports.clock, ports.ids
        sealer, clock = ports.sealer, ports.clock
        self.sealing = AuditSealing(whole_trail, sealer, clock, ports.ids, ports.entropy)
        self.verification = AuditVerification(whole_trail, sealer)
        self.trimming = AuditTrimming(whole_trail, sealer, clock, keep=keep)

    async def refused(
        self, user_id: UserId, session_id: SessionId, *, actor_id: UserId | None, target: str
    ) -> None:
        """Leave a record of what somebody tried without the permission. Raises Unavailable."""
        async with self._unit_of_work() as uow:
            await uow.audit.append(
                AuditRecord(
                    id=EventId(self._ids.uuid()),
                    occurred_at=self._clock.now(),
                    action=AuditAction.ACCESS_DENIED,
                    reason="permission_denied",
                    result=AuditResult.REFUSED,
                    user_id=user_id,
                    actor_id=actor_id,
                    via_session_id=session_id,
                    target=target,
                )
            )
            await uow.commit()

    async def search(self, query: AuditQuery) -> list[TrailEntry]:
        """Records that fit, the newest first. Raises Unavailable."""
        tenant, uow = query.organization_id, self._begin()
        async with uow.for_platform() if tenant is None else uow.for_organization(tenant):
            return await uow.audit_log.search(query)
