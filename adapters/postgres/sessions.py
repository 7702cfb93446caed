"""Sessions: who is signed in where."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, exists, func, insert, select, update

from adapters.postgres.statement import Statement
from adapters.postgres.tables import sessions, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.users import USER_COLUMNS, USER_WIDTH, user_from
from auth_core.kernel import SessionId, UserId
from auth_core.sessions import Ending, EndReason, Session, SessionRepository, SessionState

_SESSION_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.organization_id,
    sessions.c.created_at,
    sessions.c.expires_at,
    sessions.c.refresh_counter,
    sessions.c.ended_at,
    sessions.c.end_reason,
)
_END_REASON: dict[str | None, EndReason | None] = {reason.value: reason for reason in EndReason}
_END_REASON[None] = None

_ADD = Statement(insert(sessions))

_siblings = sessions.alias("siblings")
_STATE = Statement(
    select(
        *USER_COLUMNS,
        *_SESSION_COLUMNS,
        select(func.count())
        .where(
            _siblings.c.user_id == sessions.c.user_id,
            _siblings.c.ended_at.is_(None),
            _siblings.c.expires_at > bindparam("now"),
        )
        .scalar_subquery(),
    )
    .join_from(sessions, users)
    .where(sessions.c.id == bindparam("session_id"))
)


def _live_at(moment: str) -> tuple[Any, ...]:
    return (
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam(moment),
    )


_ENDING: dict[str, ColumnElement[Any]] = {
    "ended_at": bindparam("at"),
    "end_reason": bindparam("reason"),
}
_ended = (
    update(sessions)
    .where(sessions.c.id == bindparam("session_id"), *_live_at("at"))
    .values(_ENDING)
    .returning(sessions.c.id)
    .cte("ended")
)
_END = Statement(
    select(
        exists(select(_ended.c.id)),
        # The count sees the state before the update, and a caller that lost the race the one
        # before the winner's: either way this session is not one of those that are left.
        select(func.count())
        .where(sessions.c.id != bindparam("session_id"), *_live_at("at"))
        .scalar_subquery(),
    ),
    writes=True,
)
# Locked in one order, or two callers could wait for each other.
_live = select(sessions.c.id).where(*_live_at("at")).order_by(sessions.c.id).with_for_update()
_END_ALL = Statement(
    update(sessions).where(sessions.c.id.in_(_live)).values(_ENDING).returning(sessions.c.id)
)
_ENDED_SINCE = Statement(
    select(sessions.c.user_id, sessions.c.id)
    .where(sessions.c.ended_at >= bindparam("since"))
    .order_by(sessions.c.ended_at)
)


class PostgresSessionRepository:
    """Sessions in the table ``sessions``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, session: Session) -> None:
        reason = session.end_reason
        await self._transaction.defer(
            _ADD,
            id=session.id,
            user_id=session.user_id,
            organization_id=session.organization_id,
            created_at=session.created_at,
            expires_at=session.expires_at,
            refresh_counter=session.refresh_counter,
            ended_at=session.ended_at,
            end_reason=None if reason is None else reason.value,
        )

    async def state(self, session_id: SessionId, now: datetime) -> SessionState | None:
        row = await self._transaction.row(_STATE, session_id=session_id, now=now)
        if row is None:
            return None
        return SessionState(
            session=_session_from(row[USER_WIDTH:-1]), user=user_from(row), live_sessions=row[-1]
        )

    async def end(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> Ending:
        row = await self._transaction.row(
            _END, user_id=user_id, session_id=session_id, reason=reason.value, at=at
        )
        ended, live_sessions = row or (False, 0)
        return Ending(ended=ended, live_sessions=live_sessions)

    async def end_all(self, user_id: UserId, reason: EndReason, at: datetime) -> list[SessionId]:
        rows = await self._transaction.rows(_END_ALL, user_id=user_id, reason=reason.value, at=at)
        return [row[0] for row in rows]

    async def ended_since(self, since: datetime) -> list[tuple[UserId, SessionId]]:
        rows = await self._transaction.rows(_ENDED_SINCE, since=since)
        return [(row[0], row[1]) for row in rows]


def _session_from(values: Sequence[Any]) -> Session:
    return Session(
        id=values[0],
        user_id=values[1],
        organization_id=values[2],
        created_at=values[3],
        expires_at=values[4],
        refresh_counter=values[5],
        ended_at=values[6],
        end_reason=_END_REASON[values[7]],
    )


if TYPE_CHECKING:
    _: type[SessionRepository] = PostgresSessionRepository
