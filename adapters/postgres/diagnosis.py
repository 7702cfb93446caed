"""What an operator should know of a PostgreSQL server."""

from datetime import timedelta

import msgspec

from adapters.postgres.database import Database
from adapters.postgres.errors import DRIVER_ERRORS, reraise
from auth_core.kernel import Clock

_FACTS = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
    " pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,"
    " current_setting('max_connections')::int, clock_timestamp()"
)


class PostgresFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. ``ahead`` is by how much its clock surely leads ours."""

    major: int
    version: str
    read_only: bool
    max_connections: int
    ahead: timedelta


async def postgres_facts(database: Database, clock: Clock) -> PostgresFacts:
    """Ask over a pooled connection. Raises Unavailable."""
    connection = await database.acquire()
    try:
        before = clock.now()
        number, version, replica, read_only, most, theirs = await connection.fetchrow(_FACTS)
        after = clock.now()
    except DRIVER_ERRORS as error:
        database.lost(error)
        reraise(error, connection_lost=True)
    finally:
        await database.release(connection, seconds=1.0)
    return PostgresFacts(
        major=number // 10_000,
        version=version.partition(" ")[0],
        read_only=replica or read_only,
        max_connections=most,
        # it read its clock at some moment between the two
        ahead=theirs - min(max(theirs, before), after),
    )
