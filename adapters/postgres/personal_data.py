"""Export and erasure over every table, made from the tags of the columns (`inventory`)."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Integer,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    null,
    or_,
    select,
    update,
)

from adapters.postgres.inventory import Kind, columns_of, goes_with_the_person, has_owner, kind
from adapters.postgres.statement import Statement
from adapters.postgres.tables import erased_sessions, metadata, sessions, users
from adapters.postgres.transaction import Transaction
from auth_core.kernel import SessionId, UserId
from auth_core.privacy import MAX_RECORDS, PRESENT, PersonalData, PersonalDataRepository, as_json
from auth_core.privacy.model import Record
from auth_core.sessions import EndReason
from auth_core.users import UserStatus

_PAGE = 1000
_EXPORTED = tuple(set(Kind) - {Kind.OPERATIONAL})


def _of_the_person(table: Table) -> ColumnElement[bool]:
    """The rows of ``:user_id``: by the id, or by the address that their account has."""
    address = select(users.c.email).where(users.c.id == bindparam("user_id")).scalar_subquery()
    return or_(
        *(column == bindparam("user_id") for column in columns_of(table, Kind.SUBJECT)),
        *(column == address for column in columns_of(table, Kind.ADDRESS)),
    )


def _told(column: Column[Any]) -> ColumnElement[Any]:
    if kind(column) is Kind.SECRET:  # its value does not even leave the database
        return column.is_not(None).label(column.name)
    return column


def _page(table: Table) -> Select[Any]:
    """A page of a person's rows, newest first, each after the primary key that it goes on from."""
    (key,) = table.primary_key.columns
    after = bindparam("after", type_=key.type)
    return (
        select(key.label("key_of_the_row"), *map(_told, columns_of(table, *_EXPORTED)))
        .where(_of_the_person(table), or_(after.is_(None), key < after))
        .order_by(key.desc())
        .limit(bindparam("limit", type_=Integer))
    )


_OWNED = [table for table in metadata.sorted_tables if has_owner(table)]
PAGES = {table.name: Statement(_page(table), crosses_tenants=True) for table in _OWNED}
_SECRETS = {
    table.name: {column.name for column in columns_of(table, Kind.SECRET)} for table in _OWNED
}
_JSON = {
    table.name: {column.name for column in table.columns if isinstance(column.type, JSON)}
    for table in _OWNED
}
# Children before their parents, the account last: others are found by its address.
DELETIONS = {
    table.name: Statement(delete(table).where(_of_the_person(table)), crosses_tenants=True)
    for table in (*(each for each in reversed(_OWNED) if each is not users), users)
    if goes_with_the_person(table)
}
# Where rows stay, what was remarked in them goes.
REDACTIONS = {
    table.name: Statement(
        update(table)
        .where(_of_the_person(table), or_(*(column.is_not(None) for column in remarks)))
        .values({column: null() for column in remarks}),
        crosses_tenants=True,
    )
    for table in _OWNED
    if not goes_with_the_person(table) and (remarks := columns_of(table, Kind.REMARK))
}

_DUE = Statement(
    select(users.c.id)
    .where(users.c.delete_after <= bindparam("now"))
    .order_by(users.c.delete_after)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True),
    writes=True,  # what it locks it must keep
)
_HOLD = Statement(
    select(users.c.id)
    .where(
        users.c.id == bindparam("user_id"),
        or_(users.c.status == bindparam("deleted"), users.c.delete_after.is_not(None)),
    )
    .with_for_update(),
    writes=True,
)
_CACHED = Statement(
    select(sessions.c.id).where(
        sessions.c.user_id == bindparam("user_id"),
        or_(sessions.c.ended_at.is_(None), sessions.c.ended_at >= bindparam("since")),
    )
)
_KEEP_ENDINGS = Statement(
    insert(erased_sessions).from_select(
        ["id", "user_id", "ended_at"],
        select(sessions.c.id, sessions.c.user_id, sessions.c.ended_at).where(
            sessions.c.user_id == bindparam("user_id"),
            sessions.c.ended_at >= bindparam("since"),
            sessions.c.end_reason != bindparam("expired"),
        ),
    )
)


class PostgresPersonalDataRepository:
    """The rows of one person in all tables."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def export(self, user_id: UserId, at: datetime) -> PersonalData | None:
        records: dict[str, list[Record]] = {}
        truncated = []
        for name in PAGES:
            records[name] = await self._records(name, user_id)
            if len(records[name]) > MAX_RECORDS:
                del records[name][MAX_RECORDS:]
                truncated.append(name)
        if not records[users.name]:
            return None
        return PersonalData(
            generated_at=str(as_json(at)),
            user_id=user_id,
            records=records,
            truncated=tuple(truncated),
        )

    async def _records(self, table: str, user_id: UserId) -> list[Record]:
        """The newest `MAX_RECORDS`, and one more to tell that there are more."""
        records: list[Record] = []
        after = None
        while (left := MAX_RECORDS + 1 - len(records)) > 0:
            limit = min(_PAGE, left)
            rows = await self._transaction.rows(
                PAGES[table], user_id=user_id, after=after, limit=limit
            )
            records.extend(_record(table, row) for row in rows)
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return records

    async def claim_due(self, now: datetime) -> UserId | None:
        row = await self._transaction.row(_DUE, now=now, limit=1)
        return None if row is None else row[0]

    async def erase(self, user_id: UserId, *, endings_since: datetime) -> list[SessionId] | None:
        transaction = self._transaction
        held = await transaction.row(_HOLD, user_id=user_id, deleted=UserStatus.DELETED.value)
        if held is None:
            return None
        cached = await transaction.rows(_CACHED, user_id=user_id, since=endings_since)
        await transaction.write(
            _KEEP_ENDINGS, user_id=user_id, since=endings_since, expired=EndReason.EXPIRED.value
        )
        for statement in (*REDACTIONS.values(), *DELETIONS.values()):
            await transaction.write(statement, user_id=user_id)
        return [row[0] for row in cached]


def _record(table: str, row: asyncpg.Record) -> Record:
    record: dict[str, object] = {}
    for name, value in list(row.items())[1:]:
        if name in _SECRETS[table]:
            record[name] = PRESENT if value else None
        elif name in _JSON[table] and value is not None:
            record[name] = msgspec.json.decode(value)
        else:
            record[name] = as_json(value)
    return record


if TYPE_CHECKING:
    _: type[PersonalDataRepository] = PostgresPersonalDataRepository
