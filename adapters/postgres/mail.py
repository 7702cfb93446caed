"""Letters on their way out, in the table ``mail_outbox``."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Update,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.statement import Statement
from adapters.postgres.tables import mail_outbox
from adapters.postgres.transaction import Transaction
from auth_core.kernel import Email, Letter, LetterId, MailTemplate
from auth_core.mail import LetterVault, MailBacklog, MailQueue, QueuedLetter, written_at

_letters = mail_outbox.c
_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)
_LIMIT = bindparam("limit", type_=Integer)
_FIRST = LetterId(UUID(int=0))
_OF_ID = _letters.id == bindparam("of_id")
# a newer version may have more templates: its letters are left to it
_KNOWN = [template.value for template in MailTemplate]
_IS_KNOWN = _letters.template == func.any(bindparam("known", type_=ARRAY(Text)))
_IS_DUE: tuple[ColumnElement[bool], ...] = (
    _IS_KNOWN,
    _letters.dead_at.is_(None),
    _letters.next_attempt_at <= _NOW,
)

_ENQUEUE = Statement(
    insert(mail_outbox).values(
        {
            name: bindparam(name, type_=_letters[name].type)
            for name in (
                *("id", "recipient", "template", "locale"),
                *("sealed_values", "created_at", "next_attempt_at"),
            )
        }
    )
)
# ordered, so that the index serves it however many wait
_ANY_DUE = Statement(
    select(_letters.id)
    .where(*_IS_DUE)
    .order_by(_letters.next_attempt_at)
    .limit(literal_column("1"))
)
_WITHDRAW = Statement(
    delete(mail_outbox)
    .where(_letters.recipient == bindparam("to", type_=Text))
    .returning(_letters.id)
)
# a CTE, so that it runs once whatever the plan: a repeated LIMIT would claim more
_due = (
    select(_letters.id)
    .where(*_IS_DUE)
    .order_by(_letters.next_attempt_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Statement(
    update(mail_outbox)
    .where(_letters.id == _due.c.id)
    .values(
        claimed_at=_NOW,
        next_attempt_at=bindparam("until", type_=_MOMENT),
        attempts=_letters.attempts + literal_column("1"),
    )
    .returning(*mail_outbox.c)
)
_SENT = Statement(delete(mail_outbox).where(_OF_ID))


def _of_claim() -> Update:
    claimed = _letters.attempts == bindparam("of_attempt", type_=Integer)
    return update(mail_outbox).where(_OF_ID, claimed, _letters.dead_at.is_(None))


_POSTPONE = Statement(
    _of_claim().values(
        claimed_at=null(),
        next_attempt_at=bindparam("at", type_=_MOMENT),
        last_error=bindparam("reason", type_=Text),
    )
)
_BURY = Statement(
    _of_claim().values(
        claimed_at=null(),
        dead_at=bindparam("at", type_=_MOMENT),
        sealed_values=null(),
        last_error=bindparam("reason", type_=Text),
    )
)
_GET = Statement(select(mail_outbox).where(_OF_ID, _IS_KNOWN))
_PAGE = Statement(
    select(mail_outbox)
    .where(_letters.id > bindparam("after"), _IS_KNOWN)
    .order_by(_letters.id)
    .limit(_LIMIT)
)
_BACKLOG = Statement(
    select(func.count(_letters.id), func.min(_letters.created_at)).where(_letters.dead_at.is_(None))
)
_MAKE_DUE = Statement(
    update(mail_outbox)
    .where(
        _letters.dead_at.is_(None),
        or_(_letters.claimed_at.is_(None), _letters.next_attempt_at <= _NOW),
        or_(
            bindparam("of_ids", type_=ARRAY(Uuid)).is_(None),
            _letters.id == func.any(bindparam("of_ids", type_=ARRAY(Uuid))),
        ),
    )
    .values(next_attempt_at=_NOW)
    .returning(_letters.id)
)
_RESEAL = Statement(
    update(mail_outbox)
    .where(_OF_ID, _letters.sealed_values == bindparam("sealed_before", type_=LargeBinary))
    .values(sealed_values=bindparam("sealed_after", type_=LargeBinary))
)
# By the primary key: an id begins with the time of its making (RFC 9562 §5.7).
_over = (
    select(_letters.id)
    .where(_letters.id < bindparam("before_id"))
    .order_by(_letters.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
_SWEEP = Statement(delete(mail_outbox).where(_letters.id.in_(_over)).returning(_letters.id))


class PostgresMailQueue:
    """Letters of one transaction, their values sealed."""

    __slots__ = ("_transaction", "_vault")

    def __init__(self, transaction: Transaction, vault: LetterVault) -> None:
        self._transaction = transaction
        self._vault = vault

    async def enqueue(self, letter: Letter) -> None:
        written = written_at(letter.id)
        await self._transaction.defer(
            _ENQUEUE,
            id=letter.id,
            recipient=letter.to.value,
            template=letter.template.value,
            locale=letter.locale,
            sealed_values=self._vault.seal(letter),
            created_at=written,
            next_attempt_at=written,
        )

    async def withdraw(self, to: Email) -> int:
        return len(await self._transaction.rows(_WITHDRAW, to=to.value))

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[QueuedLetter]:
        # most of the time there is nothing, and to know that needs no transaction
        if await self._transaction.row(_ANY_DUE, now=now, known=_KNOWN) is None:
            return []
        rows = await self._transaction.rows(_CLAIM, now=now, until=until, limit=limit, known=_KNOWN)
        return [_letter_from(row) for row in rows]

    async def sent(self, letter: QueuedLetter) -> None:
        await self._transaction.defer(_SENT, of_id=letter.id)

    async def postpone(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        await self._transaction.defer(
            _POSTPONE, of_id=letter.id, of_attempt=letter.attempts, at=at, reason=reason
        )

    async def bury(self, letter: QueuedLetter, at: datetime, reason: str) -> None:
        await self._transaction.defer(
            _BURY, of_id=letter.id, of_attempt=letter.attempts, at=at, reason=reason
        )

    async def get(self, letter_id: LetterId) -> QueuedLetter | None:
        row = await self._transaction.row(_GET, of_id=letter_id, known=_KNOWN)
        return None if row is None else _letter_from(row)

    async def page(self, *, after: LetterId | None = None, limit: int = 100) -> list[QueuedLetter]:
        rows = await self._transaction.rows(_PAGE, after=after or _FIRST, limit=limit, known=_KNOWN)
        return [_letter_from(row) for row in rows]

    async def backlog(self) -> MailBacklog:
        row = await self._transaction.row(_BACKLOG)
        return MailBacklog(0, None) if row is None else MailBacklog(*row)

    async def make_due(self, now: datetime, letter_ids: Sequence[LetterId] | None = None) -> int:
        ids = None if letter_ids is None else list(letter_ids)
        return len(await self._transaction.rows(_MAKE_DUE, now=now, of_ids=ids))

    async def reseal(self, letter: QueuedLetter, sealed_values: bytes) -> None:
        await self._transaction.write(
            _RESEAL,
            of_id=letter.id,
            sealed_before=letter.sealed_values,
            sealed_after=sealed_values,
        )

    async def sweep(self, before: datetime, limit: int) -> int:
        before_id = UUID(int=int(before.timestamp() * 1000) << 80)
        return len(await self._transaction.rows(_SWEEP, before_id=before_id, limit=limit))


def _letter_from(row: asyncpg.Record) -> QueuedLetter:
    return QueuedLetter(
        id=LetterId(row["id"]),
        to=Email(row["recipient"]),
        template=MailTemplate(row["template"]),
        locale=row["locale"],
        sealed_values=row["sealed_values"],
        created_at=row["created_at"],
        next_attempt_at=row["next_attempt_at"],
        claimed_at=row["claimed_at"],
        attempts=row["attempts"],
        last_error=row["last_error"],
        dead_at=row["dead_at"],
    )


if TYPE_CHECKING:
    _: type[MailQueue] = PostgresMailQueue
