"""Runs the migrations: by `fm-auth migrate`, or by the plain `alembic` commands in a checkout."""

import asyncio
import logging
import os
import time

from alembic import context
from alembic.operations import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from adapters.postgres.schema import engine
from adapters.postgres.service_role import admit
from adapters.postgres.tables import metadata
from auth_core.kernel import Misconfigured, Secret

# Any number will do, as long as all nodes that share a database agree on it.
_LOCK = text("SELECT pg_try_advisory_lock(7165048421)")
_LOCK_SECONDS = 0.1


def _url() -> Secret[str]:
    """The URL that `adapters.postgres.schema` hands over, or the owner's of the environment."""
    given = context.config.attributes.get("url")
    if isinstance(given, Secret):
        return given
    for name in ("DATABASE_OWNER_URL", "DATABASE_URL"):
        if os.environ.get(name):
            return Secret(os.environ[name])
    raise Misconfigured("Set DATABASE_URL to the database whose tables are to be migrated.")


def _service() -> Secret[str] | None:
    """The URL of the role that the service works as, after an upgrade."""
    options = context.config.cmd_opts
    if options is None:
        given = context.config.attributes.get("service")
        return given if isinstance(given, Secret) else None
    upgrades = options.cmd[0].__name__ == "upgrade"
    url = os.environ.get("DATABASE_URL")
    return Secret(url) if upgrades and url else None


def _number(_: MigrationContext, __: object, scripts: list[MigrationScript]) -> None:
    """Number new revisions 0001, 0002 … unless --rev-id names another."""
    options = context.config.cmd_opts
    if options is None or getattr(options, "rev_id", None) is None:
        head = ScriptDirectory.from_config(context.config).get_current_head()
        scripts[0].rev_id = f"{int(head or '0') + 1:04d}"


def _migrate(connection: Connection) -> None:
    # Of the session, not of a transaction: each migration has a transaction of its own. It goes
    # when this connection closes. Whoever waits here reads the revision after the lock.
    # Asking again instead of waiting: a CREATE INDEX CONCURRENTLY of its holder would wait for a
    # statement that waits, and both for ever.
    while not connection.scalar(_LOCK):
        connection.commit()
        time.sleep(_LOCK_SECONDS)
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        process_revision_directives=_number,
    )
    with context.begin_transaction():
        context.run_migrations()
    service = _service()
    if service is not None:
        connection.commit()
        with connection.begin():
            admit(connection, service)


async def _connect_and_migrate() -> None:
    async with engine(_url()) as database, database.connect() as connection:
        await connection.run_sync(_migrate)


if context.is_offline_mode():
    raise Misconfigured("The migrations ask the database what there is: --sql is not supported.")
if context.config.cmd_opts is not None:  # called as `alembic …`: nobody else sets up logging
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
asyncio.run(_connect_and_migrate())
