"""Statements on one connection: reads at once, writes in one transaction."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.errors import CONFUSED, DRIVER_ERRORS, reraise
from adapters.postgres.row_scope import NOTHING, PLATFORM, RowScope
from adapters.postgres.statement import Statement, combined
from auth_core.kernel import Unavailable

_CLEAN_UP_SECONDS = 1.0
# One round trip, as COMMIT is. The message is a transaction of its own: a record in the write-ahead
# log, which its commit makes durable as it does a row, and no row.
_ROLLBACK_DURABLY = "ROLLBACK; SELECT pg_logical_emit_message(true, 'fm-auth', '')"


class Transaction:
    """The statements of one unit of work, in the order in which they were given.

    BEGIN goes out with the first write whose answer somebody waits for. Writes that answer nothing
    are held back by `defer` and travel together; alone they need neither BEGIN nor COMMIT, because
    one statement is a transaction. That makes the writes of a login one round trip instead of five.
    """

    __slots__ = (
        "_begun",
        "_connection",
        "_database",
        "_deferred",
        "_deferred_scope",
        "_lasting_scope",
        "_server_scope",
        "scope",
    )

    def __init__(
        self, database: Database, connection: Connection, scope: RowScope = NOTHING
    ) -> None:
        self._database = database
        self._connection = connection
        self._begun = False
        self.scope = scope
        """Whose rows the statements from the next one on may see."""
        # A server process that others have used may have been told anything: told nothing by us,
        # it is told again that it is for nobody.
        self._lasting_scope = None if connection.pooled else NOTHING
        self._server_scope = self._lasting_scope
        self._deferred_scope = scope
        self._deferred: list[tuple[Statement, list[object]]] = []

    async def row_alone(self, statement: Statement, **values: object) -> asyncpg.Record | None:
        """Run a write that is a transaction by itself, durable when this returns."""
        arguments = statement.arguments(values)
        self._precede(statement)
        self._database.round_trip()
        try:
            row = await self._connection.fetchrow(statement.sql, *arguments)
        except DRIVER_ERRORS as error:
            self._fail(error)
        self._database.availability.found()
        return row

    async def row(self, statement: Statement, **values: object) -> asyncpg.Record | None:
        """Run a statement and return its first row, if any."""
        if statement.writes or self._deferred:
            await self._begin()
            await self._run_deferred()
        return await self.row_alone(statement, **values)

    async def rows(self, statement: Statement, **values: object) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        if statement.writes or self._deferred:
            await self._begin()
            await self._run_deferred()
        arguments = statement.arguments(values)
        self._precede(statement)
        self._database.round_trip()
        try:
            rows = await self._connection.fetch(statement.sql, *arguments)
        except DRIVER_ERRORS as error:
            self._fail(error)
        self._database.availability.found()
        return list(rows)

    async def write(self, statement: Statement, **values: object) -> None:
        """Run a write now, because the caller wants to hear of its failure."""
        await self._begin()
        await self._run_deferred()
        arguments = statement.arguments(values)
        self._precede(statement)
        await self._execute(statement.sql, *arguments)

    async def defer(self, statement: Statement, **values: object) -> None:
        """Run a write no later than before the next statement, or with the commit.

        What is deferred together runs in no particular order, so it never meets in one table.
        """
        scope = self._scope_of(statement)
        if self._deferred and (
            scope != self._deferred_scope
            or any(deferred.table == statement.table for deferred, _ in self._deferred)
        ):
            await self._begin()
            await self._run_deferred()
        self._deferred_scope = scope
        self._deferred.append((statement, statement.arguments(values)))

    async def commit(self) -> None:
        """Make the writes durable. Raises Unavailable when it is not certain that they are."""
        await self._run_deferred()
        if self._begun:
            await self._control("COMMIT")
            self._begun = False
            self._server_scope = self._lasting_scope

    async def discard(self) -> None:
        """Do the work of `commit` and keep nothing: the log is written, and waited for (SEC-01)."""
        await self._run_deferred()
        if self._begun:
            await self._control(_ROLLBACK_DURABLY)
            self._begun = False
            self._server_scope = self._lasting_scope

    async def end(self) -> None:
        """Roll back what was not committed and give the connection back: clean, or cut off."""
        try:
            if self._begun:
                # after a cancellation asyncpg first waits until the server has stopped the query
                await self._connection.execute("ROLLBACK", timeout=_CLEAN_UP_SECONDS)
                self._begun = False
        except DRIVER_ERRORS as error:
            if not _is_closed(self._connection):
                self._database.availability.lost(error)
        finally:
            if self._begun:  # also when a second cancellation came in between
                with suppress(asyncpg.InterfaceError):  # it is gone already
                    self._connection.terminate()
            await self._database.release(self._connection, seconds=_CLEAN_UP_SECONDS)

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True  # first: when the answer is lost the connection is not clean
            await self._control("BEGIN")

    async def _run_deferred(self) -> None:
        if self._deferred:
            deferred, self._deferred = self._deferred, []
            sql = combined([statement for statement, _ in deferred])
            self._send_scope(self._deferred_scope)
            await self._execute(sql, *(argument for _, some in deferred for argument in some))

    def _scope_of(self, statement: Statement) -> RowScope:
        return PLATFORM if statement.crosses_tenants else self.scope

    def _precede(self, statement: Statement) -> None:
        self._send_scope(self._scope_of(statement))

    def _send_scope(self, scope: RowScope) -> None:
        """Have the next statement run in ``scope``: it travels with it and ends with it."""
        if scope == self._server_scope:
            return
        if not _is_closed(self._connection):  # else the statement itself says that it is lost
            self._connection.precede(scope.messages())
        if self._begun:  # there it lasts until the transaction ends, or the next scope
            self._server_scope = scope

    async def _control(self, command: str) -> None:
        await self._send(self._connection.execute, command)

    async def _execute(self, sql: str, *arguments: object) -> None:
        # without parameters asyncpg's `execute` speaks another protocol, which nothing may precede
        run = self._connection.execute if arguments else self._connection.fetch
        await self._send(run, sql, *arguments)

    async def _send(self, run: Callable[..., Awaitable[object]], *arguments: object) -> None:
        self._database.round_trip()
        try:  # a connection that the pool has taken away refuses before there is anything to await
            await run(*arguments)
        except DRIVER_ERRORS as error:
            self._fail(error)
        self._database.availability.found()

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, CONFUSED):  # nobody knows what it would answer to the next one
            with suppress(asyncpg.InterfaceError):
                self._connection.terminate()
        try:
            reraise(error, connection_lost=_is_closed(self._connection))
        except Unavailable:
            self._database.lost(error)
            raise


def _is_closed(connection: Connection) -> bool:
    try:
        closed: bool = connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken the lost connection away from us
        return True
    return closed
