"""Commands that work on what is stored."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.settings import Settings


def on_servers(run: Callable[[Settings], Awaitable[None]]) -> None:
    """Run a command on its servers, migrated if they are embedded; explain what goes wrong."""
    with explained(), settled_environment(os.environ) as (settings, *_):
        from app.observability import FileDescriptorSink, configure_logging  # noqa: PLC0415

        # standard output is for accounts, and what goes wrong is told by the error
        configure_logging("critical", write=FileDescriptorSink(2))
        if settings.database.migrate_on_start:
            from adapters.postgres.schema import migrate  # noqa: PLC0415 - slow to import

            if settings.database.url is not None:
                migrate(settings.database.url)
        asyncio.run(_awaited(run(settings)))


async def _awaited(work: Awaitable[None]) -> None:
    await work
