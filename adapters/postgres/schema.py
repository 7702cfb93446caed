"""Bringing the tables to the state that this version of the service needs.

These functions block, and run an event loop of their own: call them from a thread without one.
They work from an installed wheel; `alembic upgrade head` in a checkout runs the same migrations.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

import migrations
from adapters.postgres.connection import is_pooled
from adapters.postgres.database import APPLICATION_NAME, require_schema, schema_revision
from adapters.postgres.errors import DRIVER_ERRORS, DatabaseRefused, diagnosed
from adapters.postgres.servers import Servers
from adapters.postgres.url import dsns, location
from auth_core.kernel import Secret

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import AsyncEngine

_CONNECT_SECONDS = 5.0


def current(url: Secret[str]) -> str | None:
    """The revision of the tables, or None when there are none.

    Raises DatabaseDown, DatabaseRefused or InvalidDatabaseUrl.
    """
    return asyncio.run(_current(url))


def migrate(
    url: Secret[str], revision: str = "head", *, service: Secret[str] | None = None
) -> None:
    """Upgrade the tables. Several nodes may do so at once: one works, the others wait for it.

    ``url`` is the owner's. The role of the URL ``service`` is made, if there is none, and given
    what it needs to serve.

    Raises as `current` does, and SchemaNewer when the tables are ahead of this version.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, and only migrations need it

    _require_known(current(url), url)
    with _explained(url):
        command.upgrade(_config(url, "upgrade", service), revision)


def downgrade(url: Secret[str], revision: str) -> None:
    """Take the tables back to ``revision``, or remove them all with ``base``.

    Raises as `migrate` does.
    """
    from alembic import command  # noqa: PLC0415 - as above

    _require_known(current(url), url)
    with _explained(url):
        command.downgrade(_config(url, "downgrade"), revision)


@asynccontextmanager
async def engine(url: Secret[str]) -> AsyncIterator["AsyncEngine"]:
    """SQLAlchemy over the very driver that the service uses, for Alembic.

    Connecting raises DatabaseRefused as `connect_directly` does.
    """
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - as above
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    made = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_directly(url), poolclass=NullPool
    )
    try:
        yield made
    finally:
        await made.dispose()


@contextmanager
def _explained(url: Secret[str]) -> Iterator[None]:
    """What goes wrong within a migration, as `current` tells it; the transaction is rolled back."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

    try:
        yield
    except DBAPIError as error:
        driver_error = error.orig.__cause__ if error.orig is not None else None
        if isinstance(driver_error, Exception):
            problem = diagnosed(driver_error, location(url))
            if problem is not None:
                raise problem from driver_error
        raise


def _require_known(revision: str | None, url: Secret[str]) -> None:
    if revision is not None and revision > migrations.HEAD:
        require_schema(revision, location(url), allow_newer=False)


async def _current(url: Secret[str]) -> str | None:
    place = location(url)
    try:
        connection = await _connect(url)
        try:
            return await schema_revision(connection)
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)
    except DRIVER_ERRORS as error:
        problem = diagnosed(error, place)
        if problem is None:
            raise
        raise problem from error


async def connect_directly(url: Secret[str]) -> asyncpg.Connection:
    """A connection to the server itself.

    Raises DatabaseRefused when a pooler is in between: the lock of a migration and the scope of
    its statements are its session's, and would stay with whoever comes next.
    """
    connection = await _connect(url)
    if await is_pooled(connection):
        await connection.close(timeout=_CONNECT_SECONDS)
        raise DatabaseRefused(
            f"A connection pooler such as PgBouncer answers at {location(url)}, and a migration "
            "needs a session of its own. Let DATABASE_OWNER_URL lead to PostgreSQL itself."
        )
    return connection


async def _connect(url: Secret[str]) -> asyncpg.Connection:
    return await Servers(dsns(url)).connect(
        timeout=_CONNECT_SECONDS,
        statement_cache_size=0,  # no names: behind a pooler they would clash with others'
        server_settings={"application_name": f"{APPLICATION_NAME} migrate"},
    )


def _config(url: Secret[str], command: str, service: Secret[str] | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    folder = Path(migrations.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["url"] = url
    config.attributes["command"] = command
    config.attributes["service"] = service
    return config
