"""What an operator should know of a PostgreSQL server."""

from datetime import timedelta

import asyncpg
import msgspec

from adapters.postgres.database import Connection, Database
from adapters.postgres.errors import DRIVER_ERRORS, diagnosed, reraise
from adapters.postgres.schema import connect_directly
from adapters.postgres.url import location
from auth_core.kernel import Clock, Secret

_FACTS = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
    " pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,"
    " current_setting('max_connections')::int, clock_timestamp()"
)


class PostgresFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. ``ahead`` is by how much its clock surely leads ours.

    ``pooled``: a pooler is in between; ``keeps_transactions``: and it lets one client have more
    than one statement of a transaction.
    """

    major: int
    version: str
    read_only: bool
    max_connections: int
    ahead: timedelta
    pooled: bool
    keeps_transactions: bool


async def postgres_facts(database: Database, clock: Clock) -> PostgresFacts:
    """Ask over a pooled connection. Raises Unavailable."""
    connection = await database.acquire()
    try:
        before = clock.now()
        row = await connection.fetchrow(_FACTS)
        after = clock.now()
        pooled = connection.pooled
        keeps_transactions = not pooled or await _keeps_transactions(connection)
    except DRIVER_ERRORS as error:
        database.lost(error)
        reraise(error, connection_lost=True)
    finally:
        await database.release(connection, seconds=1.0)
    number, version, replica, read_only, most, theirs = row
    return PostgresFacts(
        major=number // 10_000,
        version=version.partition(" ")[0],
        read_only=replica or read_only,
        max_connections=most,
        # it read its clock at some moment between the two
        ahead=theirs - min(max(theirs, before), after),
        pooled=pooled,
        keeps_transactions=keeps_transactions,
    )


async def check_way_of_migrations(url: Secret[str]) -> None:
    """Connect as a migration does.

    Raises DatabaseDown, DatabaseRefused or InvalidDatabaseUrl with what to do.
    """
    try:
        connection = await connect_directly(url)
        await connection.close(timeout=1.0)
    except DRIVER_ERRORS as error:
        problem = diagnosed(error, location(url))
        if problem is None:
            raise
        raise problem from error


async def _keeps_transactions(connection: Connection) -> bool:
    try:
        await connection.execute("BEGIN")
        await connection.execute("ROLLBACK")
    except asyncpg.PostgresError:  # PgBouncer with pool_mode=statement hangs up
        return False
    return True
