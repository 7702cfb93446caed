"""Sessions: who is signed in where."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from adapters.postgres.grants import grants_column, grants_from
from adapters.postgres.session_row import SESSION_COLUMNS, session_from
from adapters.postgres.session_sweeps import SWEEPS
from adapters.postgres.statement import Statement
from adapters.postgres.tables import erased_sessions, sessions, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS, USER_WIDTH, user_from
from auth_core.kernel import OrganizationId, SessionId, UserId
from auth_core.sessions import (
    EndedSession,
    Ending,
    EndReason,
    ReuseReport,
    Session,
    SessionRepository,
    SessionState,
    Switched,
)

_ADD = Statement(insert(sessions))

_siblings = sessions.alias("siblings")
_STATE = Statement(
    select(
        *USER_COLUMNS,
        *SESSION_COLUMNS,
        grants_column(users.c.id),
        select(func.count())
        .where(
            _siblings.c.user_id == sessions.c.user_id,
            _siblings.c.ended_at.is_(None),
            _siblings.c.expires_at > bindparam("now"),
        )
        .scalar_subquery(),
    )
    .join_from(sessions, users)
    .where(sessions.c.id == bindparam("session_id")),
    crosses_tenants=True,  # somebody's grants are of all of their tenants
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
# Locked in one order, or two callers could wait for each other. `keep` may be NULL: keep none.
_live = (
    select(sessions.c.id)
    .where(*_live_at("at"), sessions.c.id.is_distinct_from(bindparam("keep", type_=Uuid)))
    .order_by(sessions.c.id)
    .with_for_update()
)
_END_ALL = Statement(
    update(sessions).where(sessions.c.id.in_(_live)).values(_ENDING).returning(sessions.c.id)
)
# One order here, too. Two administrators who act for each other and go at the same moment may still
# wait for each other; one of them then gets Unavailable.
_impersonations = (
    select(sessions.c.id)
    .where(
        sessions.c.impersonator_id == bindparam("of_impersonator"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("at"),
    )
    .order_by(sessions.c.id)
    .with_for_update()
)
_END_IMPERSONATIONS = Statement(
    update(sessions)
    .where(sessions.c.id.in_(_impersonations))
    .values(_ENDING)
    .returning(sessions.c.user_id, sessions.c.id)
)
_PROVE = Statement(
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        *_live_at("at"),
        sessions.c.impersonator_id.is_(None),
    )
    .values(authenticated_at=bindparam("at"), amr=bindparam("new_amr"))
    .returning(*SESSION_COLUMNS)
)
_chosen = (
    select(sessions.c.id, sessions.c.organization_id.label("previous"))
    .where(sessions.c.id == bindparam("session_id"), *_live_at("now"))
    .with_for_update(key_share=True)
    .cte("chosen")
)
_SWITCH = Statement(
    update(sessions)
    .where(sessions.c.id == _chosen.c.id)
    .values(organization_id=bindparam("new_organization"))
    .returning(_chosen.c.previous, *SESSION_COLUMNS)
)
_EXPIRE = Statement(
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at <= bindparam("at"),
    )
    .values(_ENDING)
    .returning(sessions.c.id)
)
_unreported = (
    select(sessions.c.id, sessions.c.ended_at.is_(None).label("was_live"))
    .where(sessions.c.id == bindparam("session_id"), sessions.c.reuse_detected_at.is_(None))
    .with_for_update()
    .cte("unreported")
)
_REPORT_REUSE = Statement(
    update(sessions)
    .where(sessions.c.id == _unreported.c.id)
    .values(
        reuse_detected_at=bindparam("at"),
        ended_at=func.coalesce(sessions.c.ended_at, bindparam("at")),
        end_reason=func.coalesce(sessions.c.end_reason, bindparam("reason")),
    )
    .returning(_unreported.c.was_live)
)
_ENDED_SINCE = Statement(
    select(sessions.c.user_id, sessions.c.id, sessions.c.ended_at)
    .where(
        sessions.c.ended_at >= bindparam("since"),
        sessions.c.end_reason != bindparam("expired"),
    )
    .union_all(
        select(erased_sessions.c.user_id, erased_sessions.c.id, erased_sessions.c.ended_at).where(
            erased_sessions.c.ended_at >= bindparam("since")
        )
    )
    .order_by("ended_at")
)
_LIVE_OF = Statement(
    select(*SESSION_COLUMNS)
    .where(*_live_at("now"), sessions.c.id < bindparam("after"))
    .order_by(sessions.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)

_USERS_WITH_LIVE = Statement(
    select(sessions.c.user_id)
    .distinct()
    .where(
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
        sessions.c.user_id > bindparam("after"),
    )
    .order_by(sessions.c.user_id)
    .limit(bindparam("limit", type_=Integer))
)
_FIRST = UUID(int=0)
_LAST = UUID(int=2**128 - 1)


class PostgresSessionRepository:
    """Sessions in the table ``sessions``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, session: Session) -> None:
        reason, origin = session.end_reason, session.origin
        await self._transaction.defer(
            _ADD,
            id=session.id,
            user_id=session.user_id,
            organization_id=session.organization_id,
            created_at=session.created_at,
            expires_at=session.expires_at,
            absolute_expires_at=session.absolute_expires_at,
            last_used_at=session.last_used_at,
            scopes=session.scopes,
            user_epoch=session.user_epoch,
            client_id=origin.client_id,
            user_agent=origin.user_agent,
            ip_address=origin.ip_address,
            refresh_counter=session.refresh_counter,
            recent_rotations=session.recent_rotations,
            ended_at=session.ended_at,
            end_reason=None if reason is None else reason.value,
            reuse_detected_at=session.reuse_detected_at,
            authenticated_at=session.authenticated_at,
            amr=session.amr,
            impersonator_id=session.impersonator_id,
            impersonation_reason=session.impersonation_reason,
        )

    async def state(self, session_id: SessionId, now: datetime) -> SessionState | None:
        row = await self._transaction.row(_STATE, session_id=session_id, now=now)
        if row is None:
            return None
        return SessionState(
            session=session_from(row[USER_WIDTH:-2]),
            user=user_from(row),
            live_sessions=row[-1],
            grants=grants_from(row[-2]),
        )

    async def end(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> Ending:
        row = await self._transaction.row(
            _END, user_id=user_id, session_id=session_id, reason=reason.value, at=at
        )
        ended, live_sessions = row or (False, 0)
        return Ending(ended=ended, live_sessions=live_sessions)

    async def end_all(
        self,
        user_id: UserId,
        reason: EndReason,
        at: datetime,
        *,
        keep: SessionId | None = None,
    ) -> list[SessionId]:
        rows = await self._transaction.rows(
            _END_ALL, user_id=user_id, reason=reason.value, at=at, keep=keep
        )
        return [row[0] for row in rows]

    async def end_impersonations(
        self, impersonator_id: UserId, reason: EndReason, at: datetime
    ) -> list[EndedSession]:
        rows = await self._transaction.rows(
            _END_IMPERSONATIONS, of_impersonator=impersonator_id, reason=reason.value, at=at
        )
        return [EndedSession(row[0], row[1], at) for row in rows]

    async def prove(
        self, user_id: UserId, session_id: SessionId, at: datetime, amr: tuple[str, ...]
    ) -> Session | None:
        row = await self._transaction.row(
            _PROVE, user_id=user_id, session_id=session_id, at=at, new_amr=amr
        )
        return None if row is None else session_from(row)

    async def switch(
        self,
        user_id: UserId,
        session_id: SessionId,
        organization_id: OrganizationId | None,
        now: datetime,
    ) -> Switched | None:
        row = await self._transaction.row(
            _SWITCH,
            user_id=user_id,
            session_id=session_id,
            new_organization=organization_id,
            now=now,
        )
        return None if row is None else Switched(session=session_from(row[1:]), previous=row[0])

    async def expire(self, session_id: SessionId, at: datetime) -> bool:
        row = await self._transaction.row(
            _EXPIRE, session_id=session_id, at=at, reason=EndReason.EXPIRED.value
        )
        return row is not None

    async def report_reuse(self, session_id: SessionId, at: datetime) -> ReuseReport | None:
        row = await self._transaction.row(
            _REPORT_REUSE, session_id=session_id, at=at, reason=EndReason.REUSE_DETECTED.value
        )
        return None if row is None else ReuseReport(was_live=row[0])

    async def ended_since(self, since: datetime) -> list[EndedSession]:
        rows = await self._transaction.rows(
            _ENDED_SINCE, since=since, expired=EndReason.EXPIRED.value
        )
        return [EndedSession(row[0], row[1], row[2]) for row in rows]

    async def sweep(self, before: datetime, limit: int) -> int:
        swept = 0
        for statement in SWEEPS:
            rows = await self._transaction.rows(statement, before=before, limit=limit - swept)
            swept += len(rows)
        return swept

    async def live_of(
        self, user_id: UserId, now: datetime, *, after: SessionId | None = None, limit: int = 100
    ) -> list[Session]:
        rows = await self._transaction.rows(
            _LIVE_OF, user_id=user_id, now=now, after=after or _LAST, limit=limit
        )
        return [session_from(row) for row in rows]

    async def users_with_live(
        self, now: datetime, *, after: UserId | None = None, limit: int = 1000
    ) -> list[UserId]:
        rows = await self._transaction.rows(
            _USERS_WITH_LIVE, now=now, after=after or _FIRST, limit=limit
        )
        return [row[0] for row in rows]


if TYPE_CHECKING:
    _: type[SessionRepository] = PostgresSessionRepository
