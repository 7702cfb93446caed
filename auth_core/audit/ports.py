"""What the audit trail needs: a place that only grows."""

from typing import Protocol

from auth_core.audit.model import AuditRecord
from auth_core.kernel import UnitOfWork


class AuditTrail(Protocol):
    """Append-only."""

    async def append(self, record: AuditRecord) -> None:
        """Add a record. It stands if, and only if, the unit of work commits."""
        ...


class AuditUnitOfWork(UnitOfWork, Protocol):
    """A transaction that leaves a trail."""

    @property
    def audit(self) -> AuditTrail:
        """The trail that this transaction appends to."""
        ...
