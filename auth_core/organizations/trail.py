"""What a change leaves behind: an audit record and domain events, in its own commit (SEC-66)."""

from datetime import datetime
from typing import TypedDict

from auth_core.audit import AuditAction, AuditRecord, AuditUnitOfWork
from auth_core.kernel import Clock, DomainEvent, EventId, Ids, OrganizationId, UserId, current_actor


class About(TypedDict):
    """What every event of an organization says."""

    id: EventId
    occurred_at: datetime
    user_id: UserId | None
    organization_id: OrganizationId
    actor_id: UserId | None


class OrganizationTrail:
    """Writes it."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    def about(
        self,
        organization_id: OrganizationId,
        actor_id: UserId | None,
        user_id: UserId | None = None,
    ) -> About:
        """The fields of an event about ``user_id``, or about the organization itself."""
        return About(
            id=EventId(self._ids.uuid()),
            occurred_at=self._clock.now(),
            user_id=user_id,
            organization_id=organization_id,
            actor_id=_other(actor_id, user_id),
        )

    async def record(
        self,
        uow: AuditUnitOfWork,
        action: AuditAction,
        *events: DomainEvent,
        organization_id: OrganizationId,
        actor_id: UserId | None,
        user_id: UserId | None = None,
        target: str | None = None,
        reason: str = "requested",
        detail: str | None = None,
    ) -> None:
        """Add both to ``uow``. ``actor_id`` None: the operator, or the service itself."""
        await uow.audit.append(
            AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=self._clock.now(),
                action=action,
                reason=reason,
                user_id=user_id,
                organization_id=organization_id,
                actor_id=_other(actor_id, user_id),
                target=target,
                detail=detail,
            )
        )
        await uow.outbox.add(events)


def _other(actor_id: UserId | None, user_id: UserId | None) -> UserId | None:
    """Who acts, unless it is the person themselves; whoever acts in another's name comes first."""
    return current_actor() or (None if actor_id == user_id else actor_id)
