"""Removing sessions that are long over."""

from typing import Any, Final

from sqlalchemy import Column, Integer, bindparam, delete, select

from adapters.postgres.statement import Statement
from adapters.postgres.tables import erased_sessions, sessions


def _sweep(moment: Column[Any]) -> Statement:
    table = moment.table
    over = (
        select(table.c.id)
        .where(moment < bindparam("before"))
        .order_by(moment)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return Statement(delete(table).where(table.c.id.in_(over)).returning(table.c.id))


# Two indexes, so two ways to be over; each row once. And what is left of sessions of the erased.
SWEEPS: Final = tuple(
    _sweep(moment)
    for moment in (
        sessions.c.ended_at,
        sessions.c.absolute_expires_at,
        erased_sessions.c.ended_at,
    )
)
