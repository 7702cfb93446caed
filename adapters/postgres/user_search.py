"""Finding accounts: one statement for each combination of conditions, compiled when first used."""

from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.statement import Statement
from adapters.postgres.tables import ADMINISTRATES, users
from adapters.postgres.user_row import USER_COLUMNS
from auth_core.users import UserQuery

_LAST_CHARACTER = chr(0x10FFFF)

# Any number will do, as long as all nodes that share a database agree on it.
HOLD_ADMINISTRATORS = Statement(select(func.pg_advisory_xact_lock(text("7165048423"))), writes=True)
OTHER_ADMINISTRATOR = Statement(
    select(
        exists(
            select(users.c.id).where(
                ADMINISTRATES, users.c.delete_after.is_(None), users.c.id != bindparam("but")
            )
        )
    )
)


def searching(query: UserQuery) -> tuple[Statement, dict[str, object]]:
    """The statement that finds them, ``limit`` after ``after``, and its other parameters."""
    return _statements(*_shape(query))[0], _values(query)


def counting(query: UserQuery) -> tuple[Statement, dict[str, object]]:
    """The statement that counts them, and its parameters."""
    return _statements(*_shape(query))[1], _values(query)


def _shape(query: UserQuery) -> tuple[bool, bool, bool]:
    return query.prefix is not None, query.statuses is not None, query.role is not None


def _values(query: UserQuery) -> dict[str, object]:
    values: dict[str, object] = {}
    if query.prefix is not None:
        values |= {"low": query.prefix, "high": query.prefix + _LAST_CHARACTER}
    if query.statuses is not None:
        values["statuses"] = sorted(status.value for status in query.statuses)
    if query.role is not None:
        values["held"] = [query.role]
    return values


@lru_cache(maxsize=8)
def _statements(prefix: bool, statuses: bool, role: bool) -> tuple[Statement, Statement]:  # noqa: FBT001
    conditions: list[ColumnElement[bool]] = []
    if prefix:
        conditions.append(_begins())
    if statuses:
        wanted = bindparam("statuses", type_=ARRAY(Text))
        conditions.append(users.c.status == func.any(wanted))
    if role:
        conditions.append(users.c.roles.contains(bindparam("held", type_=ARRAY(Text))))
    found = (
        select(*USER_COLUMNS)
        .where(users.c.id > bindparam("after"), *conditions)
        .order_by(users.c.id)
        .limit(bindparam("limit", type_=Integer))
    )
    counted = select(func.count()).select_from(users).where(*conditions)
    return Statement(found), Statement(counted)


def _begins() -> ColumnElement[bool]:
    """Ranges and not LIKE: a prepared statement can look only ranges up in an index."""
    # folded by the same rules as the column, whatever those of this database are
    low = func.lower(bindparam("low", type_=Text()))
    high = func.lower(bindparam("high", type_=Text()))
    canonical = (
        (column >= low.collate("C")) & (column < high.collate("C"))
        for column in (users.c.username, users.c.email)
    )
    shown = func.lower(users.c.display_name)
    # byte by byte, whatever the collation: the operators of text_pattern_ops
    return or_(*canonical, shown.bool_op("~>=~")(low) & shown.bool_op("~<~")(high))
