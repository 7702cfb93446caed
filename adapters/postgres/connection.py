"""A connection that can send something ahead of a statement, in the same round trip.

And that knows whether it has its server process to itself.
"""
# ruff: noqa: ASYNC109, SLF001 - a part of asyncpg's connection, as uv.lock has it

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

Executor = Callable[[Any, float | None], Awaitable[Any]]


class LeanConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """asyncpg has no pipeline; PostgreSQL's protocol has.

    Up to the message Sync, which asyncpg sends at the end of a statement, the server runs what it
    is sent in order and in one transaction (PostgreSQL manual, "Message Flow", "Pipelining").
    """

    __slots__ = ("_ahead", "pooled")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ahead = b""
        self.pooled = True  # until it is known
        """Whether the next transaction may run in another server process: see `is_pooled`. Then no
        statement is given a name, and each goes out whole: PostgreSQL parses and plans it anew,
        and it takes no further round trip.
        """

    def precede(self, messages: bytes) -> None:
        """Send these before the next statement with parameters; they must return no rows.

        What is set for the transaction ends with that statement, or with the transaction that it
        is in. Replaces what was to be sent; empty for nothing.
        """
        self._ahead = messages

    async def _do_execute(
        self, query: str, executor: Executor, timeout: float | None, **options: Any
    ) -> Any:
        ahead, self._ahead = self._ahead, b""
        if ahead or self.pooled:
            executor = self._after(ahead, executor)
        return await super()._do_execute(query, executor, timeout, **options)

    def _after(self, ahead: bytes, executor: Executor) -> Executor:
        async def execute(statement: Any, timeout: float | None) -> Any:
            protocol = self._protocol
            if protocol._is_cancelling():  # it would let asyncpg wait between the two
                raise asyncpg.InterfaceError("the statement before this one is still cancelled")
            if not statement.name:  # the server forgets it with what goes ahead
                statement.mark_unprepared()
            sent = protocol.queries_count
            if ahead and not self.is_closed():
                self._transport.write(ahead)
            try:
                return await executor(statement, timeout)
            finally:
                if protocol.queries_count == sent and not self.is_closed():
                    # Arguments that cannot be sent, for one. Whoever sends the next Sync would
                    # have what was meant for this statement.
                    self.terminate()

        return execute

    def _get_unique_id(self, prefix: str) -> str:
        # asyncpg caches what it learns of a statement under the query, so one without a name is as
        # good: only its name would be another client's statement in the next server process
        if self.pooled and prefix == "stmt":
            return ""
        name: str = super()._get_unique_id(prefix)
        return name


async def is_pooled(connection: asyncpg.Connection) -> bool:
    """Whether something in between, such as PgBouncer, hands out server processes.

    A server process tells its own id when it takes a connection. A pooler has none at hand then,
    and tells a number that it has made up. One round trip.
    """
    asked = f"SELECT WHERE pg_backend_pid() = {connection.get_server_pid():d}"
    status: str = await connection.execute(asked)
    return status != "SELECT 1"
