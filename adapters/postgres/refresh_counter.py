"""Refreshing in one statement: compare and set on a session's row, with a look at its user."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Uuid,
    bindparam,
    column,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.database import Database
from adapters.postgres.grants import grants_column, grants_from
from adapters.postgres.session_row import SESSION_COLUMNS, session_from
from adapters.postgres.statement import Statement
from adapters.postgres.tables import sessions, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS, USER_WIDTH, user_from
from auth_core.kernel import SessionId, UserId
from auth_core.sessions import MAX_RECENT_ROTATIONS, RefreshCounter, Rotated
from auth_core.users import UserStatus

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)
_KEPT = MAX_RECENT_ROTATIONS - 1

_rotations = (
    func.unnest(sessions.c.recent_rotations)
    .table_valued(column("moment", _MOMENT), with_ordinality="number", name="rotations")
    .render_derived()
)
_recent: Any = func.array(
    select(_rotations.c.moment)
    .where(
        _rotations.c.moment > bindparam("window_start", type_=_MOMENT),
        _rotations.c.moment < bindparam("window_end", type_=_MOMENT),
        _rotations.c.number
        > func.cardinality(sessions.c.recent_rotations) - literal_column(str(_KEPT)),
    )
    .order_by(_rotations.c.number)
    .scalar_subquery(),
    type_=ARRAY(_MOMENT),
)
# not the column itself: a sub-select would join the table anew instead of looking at this row
_holder: ColumnElement[UUID] = literal_column("sessions.user_id", Uuid())
_ADVANCE = Statement(
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.refresh_counter == bindparam("counter"),
        sessions.c.client_id.is_not_distinct_from(bindparam("presenter")),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > _NOW,
        users.c.id == sessions.c.user_id,
        users.c.status == bindparam("active"),
        users.c.delete_after.is_(None),
        users.c.epoch == sessions.c.user_epoch,
    )
    .values(
        refresh_counter=sessions.c.refresh_counter + literal_column("1"),
        last_used_at=_NOW,
        expires_at=func.least(bindparam("idle_end", type_=_MOMENT), sessions.c.absolute_expires_at),
        recent_rotations=func.array_append(_recent, _NOW),
    )
    .returning(*USER_COLUMNS, *SESSION_COLUMNS, grants_column(_holder)),
    crosses_tenants=True,  # somebody's grants are of all of their tenants
)


class PostgresRefreshCounter:
    """One round trip: a statement alone is a transaction."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance(
        self,
        user_id: UserId,
        session_id: SessionId,
        counter: int,
        *,
        client_id: str | None,
        now: datetime,
        idle_lifetime: timedelta,
        window: timedelta,
    ) -> Rotated | None:
        transaction = Transaction(self._database, await self._database.acquire())
        try:
            row = await transaction.row_alone(
                _ADVANCE,
                session_id=session_id,
                user_id=user_id,
                counter=counter,
                presenter=client_id,
                now=now,
                active=UserStatus.ACTIVE.value,
                idle_end=now + idle_lifetime,
                window_start=now - window,
                window_end=now + window,
            )
        finally:
            await transaction.end()
        if row is None:
            return None
        return Rotated(
            user=user_from(row),
            session=session_from(row[USER_WIDTH:-1]),
            grants=grants_from(row[-1]),
        )


if TYPE_CHECKING:
    _: type[RefreshCounter] = PostgresRefreshCounter
