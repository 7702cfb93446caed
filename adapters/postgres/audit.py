"""The audit trail in the table ``audit_records``."""

from typing import TYPE_CHECKING

from sqlalchemy import insert

from adapters.postgres.statement import Statement
from adapters.postgres.tables import audit_records
from adapters.postgres.transaction import Transaction
from auth_core.audit import AuditRecord, AuditTrail

_APPEND = Statement(insert(audit_records))


class PostgresAuditTrail:
    """Rows that nothing in this service updates or deletes."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(self, record: AuditRecord) -> None:
        await self._transaction.defer(
            _APPEND,
            id=record.id,
            occurred_at=record.occurred_at,
            action=record.action.value,
            reason=record.reason,
            user_id=record.user_id,
            session_id=record.session_id,
            organization_id=record.organization_id,
            actor_id=record.actor_id,
            detail=record.detail,
            result=record.result.value,
            via_session_id=record.via_session_id,
            target=record.target,
        )


if TYPE_CHECKING:
    _: type[AuditTrail] = PostgresAuditTrail
