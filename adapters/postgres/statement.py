"""Statements written in SQLAlchemy Core and compiled once, at import, to SQL for asyncpg.

Building, caching and executing a statement through SQLAlchemy costs several times the CPU of the
driver. Here a request pays for the driver alone, and still nobody writes SQL by hand.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
_PARAMETER = re.compile(r"\$(\d+)")


class Statement:
    """One compiled statement. Its parameters are the names of its bind parameters and columns."""

    __slots__ = ("_names", "crosses_tenants", "sql", "table", "writes")

    def __init__(
        self, clause: ClauseElement, *, writes: bool = False, crosses_tenants: bool = False
    ) -> None:
        """Compile ``clause``; ``writes`` marks a SELECT over data-modifying CTEs.

        ``crosses_tenants`` is for what belongs to no tenant's work: sweeps, the relay, erasure, a
        look-up by a secret that names the tenant. Row-level security lets it pass.

        Raises TypeError for a constant, which would become a parameter without a name.
        """
        compiled = clause.compile(dialect=_DIALECT)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("only statements that take parameters can be compiled")
        self.sql = str(compiled)
        self.table = (
            compiled.statement.table if isinstance(compiled.statement, UpdateBase) else None
        )
        self.writes = writes or compiled.isinsert or compiled.isupdate or compiled.isdelete
        self.crosses_tenants = crosses_tenants
        self._names = tuple(compiled.positiontup or ())
        constants = [name for name in self._names if compiled.params[name] is not None]
        if constants:
            raise TypeError(f"name these constants with bindparam or literal_column: {constants}")

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in the order of their numbers in ``sql``."""
        return self._names

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The positional arguments. Raises KeyError for a missing and TypeError for a stray one."""
        if len(values) != len(self._names):
            raise TypeError(f"expected the parameters {self._names}, got {tuple(values)}")
        return [values[name] for name in self._names]


def combined(statements: Sequence[Statement]) -> str:
    """One statement that does the work of several writes, each to a table of its own.

    PostgreSQL runs them against one snapshot, all or nothing. It promises no order, but has one:
    the main statement, then its CTEs from the last to the first. Hence the order here: events come
    last, and get their positions when every row is locked that the transaction changes
    (docs/adr/0026-events.md; a race in the tests notices if that ends). The arguments are those of
    the parts, one after the other.
    """
    return _combined(tuple(statements))


@lru_cache(maxsize=256)
def _combined(statements: tuple[Statement, ...]) -> str:
    numbered, offset = [], 0
    for statement in statements:
        numbered.append(_renumbered(statement.sql, offset))
        offset += len(statement.names)
    first, *after = numbered
    if not after:
        return first
    ctes = (f"write_{index} AS ({sql})" for index, sql in reversed(list(enumerate(after, 1))))
    return " ".join(("WITH", ", ".join(ctes), first))


def _renumbered(sql: str, offset: int) -> str:
    return _PARAMETER.sub(lambda match: "$" + str(int(match[1]) + offset), sql)
