"""The connections of one process to PostgreSQL."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

import migrations
from adapters.postgres.availability import Availability
from adapters.postgres.connection import LeanConnection, is_pooled
from adapters.postgres.errors import (
    DRIVER_ERRORS,
    PoolExhausted,
    SchemaNewer,
    SchemaOutdated,
    diagnosed,
    reraise,
)
from adapters.postgres.metrics import (
    POOL_EXHAUSTED,
    POOL_IN_USE,
    POOL_LIMIT,
    POOL_WAITS,
    ROUND_TRIPS,
)
from adapters.postgres.pool import LeanPool, lean_pool
from adapters.postgres.url import dsns, location
from auth_core.kernel import NO_METRICS, Metrics, Misconfigured, Secret

Connection: TypeAlias = PoolConnectionProxy

APPLICATION_NAME = "fm-auth"
_ERRORS = (*DRIVER_ERRORS, PoolExhausted, Misconfigured)


_ROLE = (
    "SELECT rolname, rolsuper OR rolbypassrls, pg_has_role(rolname, c.relowner, 'USAGE')"
    " FROM pg_roles, pg_class c WHERE rolname = current_user"
    " AND c.oid = 'alembic_version'::regclass"
)


class Role(NamedTuple):
    """The role of the connections."""

    name: str
    bypasses_row_security: bool
    owns_tables: bool


class Database:
    """A pool of connections that are made when they are needed and made anew when they are lost.

    Making a Database does no I/O, so that a process starts while PostgreSQL is down. Idle
    connections are closed after some minutes; ``pool_size + max_overflow`` bounds them all.
    """

    def __init__(
        self,
        url: Secret[str],
        *,
        pool_size: int = 10,
        max_overflow: int = 10,
        connect_timeout: float = 3.0,
        acquire_timeout: float = 5.0,
        command_timeout: float = 5.0,
        allow_newer_schema: bool = False,
        metrics: Metrics = NO_METRICS,
        in_request: Callable[[], bool] = lambda: False,
    ) -> None:
        """Times are in seconds. ``in_request`` says on whose behalf we work, for the metrics.

        Raises InvalidDatabaseUrl.
        """
        self._dsns = [Secret(each) for each in dsns(url)]
        self._location = location(url)
        self._max_size = pool_size + max_overflow
        self._connect_timeout = connect_timeout
        self._acquire_timeout = acquire_timeout
        self._command_timeout = command_timeout
        self._allow_newer_schema = allow_newer_schema
        self._pool: LeanPool | None = None
        self._opening = asyncio.Lock()
        self._schema_fits = False
        self._metrics = metrics
        self._in_request = in_request
        metrics.set(POOL_IN_USE, 0)
        metrics.set(POOL_LIMIT, self._max_size)
        self.availability = Availability(self._location)

    async def acquire(self) -> Connection:
        """A connection outside a transaction, for `release`. Raises Unavailable."""
        try:
            return await self._connection()
        except _ERRORS as error:
            self.availability.lost(error)
            reraise(error, connection_lost=True)

    async def release(self, connection: Connection, *, seconds: float) -> None:
        """Give a connection back outside a transaction; a terminated one will be replaced.

        Waits up to ``seconds`` for the server to stop a query that was cancelled, and terminates
        the connection if it does not.
        """
        if self._pool is not None:
            self._metrics.count(POOL_IN_USE, by=-1)
            try:
                await self._pool.release(connection, timeout=seconds)
            except DRIVER_ERRORS as error:
                self.availability.lost(error)

    def round_trip(self) -> None:
        """A statement is about to be sent."""
        self._metrics.count(ROUND_TRIPS, "request" if self._in_request() else "background")

    def lost(self, error: Exception) -> None:
        """A statement was refused or not answered."""
        self.availability.lost(error)
        if isinstance(error, (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)):
            self._schema_fits = False  # look again before the next answer to `check`

    async def check(self) -> None:
        """Ask PostgreSQL something, for an operator.

        Raises DatabaseDown, DatabaseRefused, SchemaOutdated, SchemaNewer or InvalidDatabaseUrl with
        a message that says what to do.
        """
        try:
            connection = await self._connection()
            try:
                await connection.execute("SELECT 1")
                if not self._schema_fits:
                    await self._check_schema(connection)
            finally:
                await self.release(connection, seconds=self._command_timeout)
        except _ERRORS as error:
            self.availability.lost(error)
            problem = diagnosed(error, self._location)
            if problem is None or problem is error:
                raise
            raise problem from error
        self.availability.found()

    async def role(self) -> Role:
        """What PostgreSQL would let us do beyond our work. Raises as `acquire` does."""
        connection = await self.acquire()
        try:
            return Role(*await connection.fetchrow(_ROLE))
        except _ERRORS as error:
            self.availability.lost(error)
            reraise(error, connection_lost=True)
        finally:
            await self.release(connection, seconds=self._command_timeout)

    async def close(self) -> None:
        """Close all connections; those that stay in use for too long are cut off."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(self._command_timeout):
                    await self._pool.close()
            except (TimeoutError, *DRIVER_ERRORS):
                self._pool.terminate()

    async def _connection(self) -> Connection:
        pool = self._pool or await self._open()
        connection = await pool.acquire_idle() or await self._wait_for_connection(pool)
        self._metrics.count(POOL_IN_USE)
        return connection

    async def _wait_for_connection(self, pool: LeanPool) -> Connection:
        self._metrics.count(POOL_WAITS)
        try:
            # not acquire(timeout=…): on Python 3.11 that costs a task for each connection
            async with asyncio.timeout(self._acquire_timeout):
                return await pool.acquire()
        except TimeoutError:
            if pool.get_idle_size() == 0 and pool.get_size() == self._max_size:
                self._metrics.count(POOL_EXHAUSTED)
                raise PoolExhausted from None
            raise

    async def _open(self) -> LeanPool:
        async with self._opening:
            if self._pool is None:
                self._pool = await lean_pool(
                    [each.reveal() for each in self._dsns],
                    size=self._max_size,
                    timeout=self._connect_timeout,
                    command_timeout=self._command_timeout,
                    server_settings={"application_name": APPLICATION_NAME},
                    init=self._look_at_connection,
                    reset=_nothing_to_reset,
                )
            return self._pool

    async def _look_at_connection(self, connection: LeanConnection) -> None:
        # each of them: the address may lead elsewhere by now
        connection.pooled = await is_pooled(connection)
        if not self._schema_fits:
            await self._check_schema(connection)

    async def _check_schema(self, connection: Connection) -> None:
        revision = await schema_revision(connection)
        require_schema(revision, self._location, allow_newer=self._allow_newer_schema)
        self._schema_fits = True


async def schema_revision(connection: Connection | asyncpg.Connection) -> str | None:
    """The migration that the tables are at, or None when nothing was ever migrated."""
    try:
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return revision


def require_schema(revision: str | None, place: str, *, allow_newer: bool) -> None:
    """Raise SchemaOutdated or SchemaNewer unless this version of the service can work with it."""
    if revision is None or revision < migrations.HEAD:
        raise SchemaOutdated(
            f"The database at {place} has {_schema(revision)}, this version of the service needs "
            f"schema {migrations.HEAD}. Run `fm-auth migrate`."
        )
    if revision > migrations.HEAD and not allow_newer:
        raise SchemaNewer(
            f"The database at {place} has {_schema(revision)}, this version of the service knows "
            f"schema {migrations.HEAD}. Upgrade the service; or, to run it one schema behind "
            "during a rolling upgrade, set AUTH_ALLOW_NEWER_SCHEMA=true."
        )


def _schema(revision: str | None) -> str:
    return "no tables yet" if revision is None else f"schema {revision}"


async def _nothing_to_reset(_: Connection) -> None:
    """Connections come back outside a transaction and we change no setting of theirs.

    asyncpg's own reset query would cost every unit of work another round trip.
    """
