"""Domain events on their way out."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy import literal_column as literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from adapters.postgres.statement import Statement
from adapters.postgres.tables import outbox
from adapters.postgres.transaction import Transaction
from auth_core.kernel import DomainEvent, Outbox

Noted = Callable[[Sequence[DomainEvent]], Sequence[DomainEvent]]

_encode = msgspec.json.Encoder().encode

# One JSON array carries any number of events: one parameter, whose text is the payload already.
_EVENTS = (
    func.jsonb_array_elements(bindparam("events", type_=JSONB))
    .table_valued(column("event", JSONB), with_ordinality="number", name="recorded")
    .render_derived()
)


def _member(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    text = _EVENTS.c.event.op("->>", return_type=Text())(literal(f"'{name}'"))
    return text.cast(kind)


_ADD = Statement(
    insert(outbox).from_select(
        ["id", "type", "user_id", "organization_id", "occurred_at", "payload"],
        select(
            _member("id", Uuid()),
            _member("type", Text()),
            _member("user_id", Uuid()),
            _member("organization_id", Uuid()),
            _member("occurred_at", DateTime(timezone=True)),
            _EVENTS.c.event,
        ).order_by(_EVENTS.c.number),
    )
)


# By the primary key: an id begins with the time of its making (RFC 9562 §5.7).
_over = (
    select(outbox.c.id)
    .where(outbox.c.id < bindparam("before_id"), outbox.c.occurred_at < bindparam("before"))
    .order_by(outbox.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_SWEEP = Statement(delete(outbox).where(outbox.c.id.in_(_over)).returning(outbox.c.id))


class PostgresOutbox:
    """Keeps the events of a unit of work until its commit writes them in one statement."""

    __slots__ = ("_entered", "_noted", "_recorded")

    def __init__(self, entered: Callable[[], Transaction], noted: Noted | None = None) -> None:
        """``noted`` gets the events as they are recorded, and gives back those to keep."""
        self._entered = entered
        self._noted = noted
        self._recorded: list[DomainEvent] = []

    async def sweep(self, before: datetime, limit: int) -> int:
        before_id = UUID(int=int(before.timestamp() * 1000) << 80)
        rows = await self._entered().rows(_SWEEP, before=before, before_id=before_id, limit=limit)
        return len(rows)

    async def add(self, events: Sequence[DomainEvent]) -> None:
        self._recorded.extend(events if self._noted is None else self._noted(events))

    async def write_to(self, transaction: Transaction) -> None:
        """Make the recorded events part of ``transaction``, in the order of their recording."""
        if self._recorded:
            events, self._recorded = self._recorded, []
            await transaction.defer(_ADD, events=_encode(events).decode())


if TYPE_CHECKING:
    _: type[Outbox] = PostgresOutbox
