"""The audit trail in the table ``audit_records``: what appends to it."""

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert

from adapters.postgres.audit_tables import audit_records
from adapters.postgres.statement import Statement
from adapters.postgres.transaction import Transaction
from auth_core.audit import AuditRecord, AuditTrail

_NAMES = AuditRecord.__struct_fields__


def _appending(records: int) -> Statement:
    rows = [
        {name: bindparam(f"{name}_{number}", type_=audit_records.c[name].type) for name in _NAMES}
        for number in range(records)
    ]
    return Statement(insert(audit_records).values(rows))


# One statement for as many as a commit mostly has: with two, they would not travel together.
_APPEND, _APPEND_2, _APPEND_3 = _appending(1), _appending(2), _appending(3)
_BY_NUMBER = (_APPEND, _APPEND_2, _APPEND_3)


class PostgresAuditTrail:
    """Keeps the records of a unit of work until its commit writes them with its other rows."""

    __slots__ = ("_appended",)

    def __init__(self) -> None:
        self._appended: list[AuditRecord] = []

    async def append(self, record: AuditRecord) -> None:
        self._appended.append(record)

    async def write_to(self, transaction: Transaction) -> None:
        """Make the appended records part of ``transaction``."""
        appended, self._appended = self._appended, []
        while appended:
            some, appended = appended[: len(_BY_NUMBER)], appended[len(_BY_NUMBER) :]
            values = {
                f"{name}_{number}": getattr(record, name)
                for number, record in enumerate(some)
                for name in _NAMES
            }
            await transaction.defer(_BY_NUMBER[len(some) - 1], **values)


if TYPE_CHECKING:
    _: type[AuditTrail] = PostgresAuditTrail
