"""The outbox from its other end: numbers for what is committed, and who has passed on how much."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import event_progress, outbox
from adapters.postgres.transaction import Transaction
from auth_core.events import Backlog, EventLog, RecordedEvent, Waiting
from auth_core.kernel import EventId

_NUMBERS: Final = ""
"""Where the greatest number that was ever given is kept, beside the progress of publishers."""
_MADE_BEFORE: Final = timedelta(minutes=1)
"""How much earlier than its event happened an id may have been made."""

_columns = outbox.c
_NAME = bindparam("name", type_=Text)
_LIMIT = bindparam("limit", type_=Integer)
_SEQUENCE = bindparam("sequence", type_=BigInteger)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_ZERO = literal_column("0", BigInteger)
_OF_NAME = event_progress.c.name == _NAME

_progress = select(event_progress.c.sequence).where(_OF_NAME)
# through the index: the greatest number, not all of them
_newest = (
    select(_columns.sequence)
    .where(_columns.sequence.is_not(None))
    .order_by(_columns.sequence.desc())
    .limit(literal_column("1"))
)
_WAITING = Statement(
    select(
        exists(select(_columns.position).where(_columns.sequence.is_(None))).label("unnumbered"),
        (
            func.coalesce(_newest.scalar_subquery(), _ZERO)
            > func.coalesce(_progress.scalar_subquery(), _ZERO)
        ).label("behind"),
    )
)
_PROGRESS = Statement(_progress)
_NEW = Statement(
    postgresql.insert(event_progress)
    .values(name=_NAME, sequence=bindparam("sequence", type_=BigInteger))
    .on_conflict_do_nothing()
)
# Who hangs while it has the turn, or is cut off from us, must not keep it.
_timeout = func.set_config(
    literal_column("'idle_in_transaction_session_timeout'"),
    literal_column("'30s'"),
    literal_column("true"),
)
_TURN = Statement(
    select(event_progress.c.sequence, _timeout).where(_OF_NAME).with_for_update(skip_locked=True),
    writes=True,  # what it locks it must keep
)
_WAIT_FOR_TURN = Statement(_progress.with_for_update(), writes=True)
_next = (
    select(_columns.id, _columns.position)
    .where(_columns.sequence.is_(None))
    .order_by(_columns.position)
    .limit(_LIMIT)
    .subquery("next")
)
# a CTE, so that it runs once whatever the plan: a repeated LIMIT would number more
_fresh = select(_next.c.id, func.row_number().over(order_by=_next.c.position).label("number")).cte(
    "fresh"
)
_NUMBER = Statement(
    update(outbox)
    .where(_columns.id == _fresh.c.id, _columns.sequence.is_(None))
    .values(sequence=_SEQUENCE + _fresh.c.number)
    .returning(_columns.sequence)
)
_AFTER = Statement(
    select(_columns.sequence, _columns.id, _columns.type, _columns.occurred_at, _columns.payload)
    .where(_columns.sequence > _SEQUENCE)
    .order_by(_columns.sequence)
    .limit(_LIMIT)
)
_ADVANCE = Statement(update(event_progress).where(_OF_NAME).values(sequence=_SEQUENCE))
# by the primary key: an id begins with the time of its making (RFC 9562 §5.7)
_FIRST_SINCE = Statement(
    select(func.min(_columns.sequence).label("first")).where(
        _columns.id >= bindparam("since_id"), _columns.occurred_at >= _SINCE
    )
)
_BETWEEN = Statement(
    select(func.count()).where(
        _columns.sequence > _SEQUENCE, _columns.sequence <= bindparam("last", type_=BigInteger)
    )
)
_left = union_all(
    select(_columns.occurred_at).where(_columns.sequence > _SEQUENCE),
    select(_columns.occurred_at).where(_columns.sequence.is_(None)),
).subquery("left")
_BACKLOG = Statement(
    select(func.count().label("depth"), func.min(_left.c.occurred_at).label("oldest"))
)


class PostgresEventLog:
    """Committed events, as one transaction sees them.

    The one transaction at a time that numbers, and the one that has a publisher's turn, hold a row
    of ``event_progress`` (FOR UPDATE SKIP LOCKED).
    """

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def waiting(self, publisher: str) -> Waiting:
        row = await self._transaction.row(_WAITING, name=publisher)
        if row is None:  # never: it selects from nothing
            return Waiting(unnumbered=False, behind=False)
        return Waiting(unnumbered=row["unnumbered"], behind=row["behind"])

    async def number(self, limit: int) -> int:
        last = await self.turn(_NUMBERS)
        if last is None:
            return 0
        rows = await self._transaction.rows(_NUMBER, sequence=last, limit=limit)
        if rows:
            newest = max(row[0] for row in rows)
            await self._transaction.defer(_ADVANCE, name=_NUMBERS, sequence=newest)
        return len(rows)

    async def turn(self, publisher: str) -> int | None:
        await self._make_known(publisher)
        row = await self._transaction.row(_TURN, name=publisher)
        return None if row is None else row[0]

    async def after(self, sequence: int, limit: int) -> list[RecordedEvent]:
        rows = await self._transaction.rows(_AFTER, sequence=sequence, limit=limit)
        return [_event_from(row) for row in rows]

    async def advance(self, publisher: str, sequence: int) -> None:
        await self._transaction.defer(_ADVANCE, name=publisher, sequence=sequence)

    async def rewind(self, publisher: str, since: datetime) -> int:
        await self._make_known(publisher)
        turn = await self._transaction.row(_WAIT_FOR_TURN, name=publisher)
        made_since = int((since - _MADE_BEFORE).timestamp() * 1000)
        found = await self._transaction.row(
            _FIRST_SINCE, since=since, since_id=UUID(int=max(made_since, 0) << 80)
        )
        if turn is None or found is None or found["first"] is None:
            return 0
        progress, back = turn[0], min(found["first"] - 1, turn[0])
        count = await self._transaction.row(_BETWEEN, sequence=back, last=progress)
        await self._transaction.defer(_ADVANCE, name=publisher, sequence=back)
        return 0 if count is None else count[0]

    async def backlog(self, publisher: str) -> Backlog:
        progress = await self._transaction.row(_PROGRESS, name=publisher)
        at = 0 if progress is None else progress[0]
        row = await self._transaction.row(_BACKLOG, sequence=at)
        depth, oldest = (0, None) if row is None else (row["depth"], row["oldest"])
        return Backlog(publisher=publisher, depth=depth, oldest=oldest)

    async def _make_known(self, name: str) -> None:
        """Outside of the transaction: nobody then waits for one that makes it known, too."""
        if await self._transaction.row(_PROGRESS, name=name) is None:
            await self._transaction.row_alone(_NEW, name=name, sequence=0)


def _event_from(row: asyncpg.Record) -> RecordedEvent:
    return RecordedEvent(
        sequence=row["sequence"],
        id=EventId(row["id"]),
        type=row["type"],
        occurred_at=row["occurred_at"],
        payload=msgspec.json.decode(row["payload"]),
    )


if TYPE_CHECKING:
    _: type[EventLog] = PostgresEventLog
