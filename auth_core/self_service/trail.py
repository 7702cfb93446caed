"""What a change leaves behind: an audit record and domain events, in its own commit (SEC-66)."""

from auth_core.audit import AuditAction, AuditRecord, AuditUnitOfWork
from auth_core.kernel import Clock, DomainEvent, EventId, Ids, SessionId, UserId
from auth_core.users import UserPasswordChanged, UserUpdated


class Trail:
    """Writes it."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    async def record(
        self,
        uow: AuditUnitOfWork,
        user_id: UserId | None,
        action: AuditAction,
        *events: DomainEvent,
        reason: str,
        session_id: SessionId | None = None,
    ) -> None:
        """Add both to ``uow``; ``reason`` is a stable word for how it came about."""
        await uow.audit.append(
            AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=self._clock.now(),
                action=action,
                reason=reason,
                user_id=user_id,
                session_id=session_id,
            )
        )
        if events:
            await uow.outbox.add(events)

    def updated(self, user_id: UserId, *fields: str) -> UserUpdated:
        """The event of a changed account."""
        return UserUpdated(
            id=EventId(self._ids.uuid()),
            occurred_at=self._clock.now(),
            user_id=user_id,
            fields=fields,
        )

    def password_changed(self, user_id: UserId) -> UserPasswordChanged:
        """The event of a changed password."""
        return UserPasswordChanged(
            id=EventId(self._ids.uuid()), occurred_at=self._clock.now(), user_id=user_id
        )
