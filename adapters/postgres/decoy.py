"""Look-ups that find somebody in any case: nobody's row is read and decoded like a real one.

A name that nobody has would else be answered some microseconds faster than one that somebody has
(SEC-01, SEC-02).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, literal_column, select, union_all

from adapters.postgres.statement import Statement

NOBODYS_ID = UUID(int=0)
"""No row has it."""

_MOMENT = "'2026-01-01T00:00:00Z'"
_DECOY: Mapping[str, str] = {
    "id": f"'{NOBODYS_ID}'",
    "username": "'nobody.here'",
    "email": "'nobody.here@example.com'",
    "email_verified": "true",
    "display_name": "'Nobody Here'",
    "status": "'active'",
    "roles": "'{user}'",
    "is_dev_user": "false",
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
    "last_login_at": _MOMENT,
    "version": "1",
    "epoch": "0",
    "password_hash": f"'{'-' * 97}'",
    "consecutive_failures": "0",
    "must_change": "false",
}
"""As long as what people have; whatever is not named here is NULL."""


def with_decoy(finding: Select[Any], columns: Sequence[Column[Any]]) -> Statement:
    """Compile ``finding``, a SELECT of ``columns`` that finds one row at most.

    Its last column says whether the row is real: whoever reads it reads all of it first.
    """
    real = finding.add_columns(_flag(real=True))
    decoy = select(*map(_literal, columns), _flag(real=False))
    return Statement(union_all(real, decoy).order_by(literal_column("is_real DESC")).limit(_ONE))


_ONE: ColumnElement[int] = literal_column("1")


def _flag(*, real: bool) -> ColumnElement[bool]:
    return literal_column("true" if real else "false").label("is_real")


def _literal(column: Column[Any]) -> ColumnElement[Any]:
    value: ColumnElement[Any] = literal_column(_DECOY.get(column.name, "NULL"))
    return value.cast(column.type).label(column.name)
