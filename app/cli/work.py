"""Commands that work on what is stored."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.settings import Settings, without_traces

if TYPE_CHECKING:
    from app.in_process import ConnectedCore


def on_servers(run: Callable[[Settings], Awaitable[None]]) -> None:
    """Run a command on its servers, migrated if they are embedded; explain what goes wrong."""
    with explained(), settled_environment(os.environ) as (settings, *_):
        from app.observability import FileDescriptorSink, configure_logging  # noqa: PLC0415

        # standard output is for accounts, and what goes wrong is told by the error
        configure_logging("critical", write=FileDescriptorSink(2))
        if settings.database.migrate_on_start:
            from adapters.postgres.schema import migrate  # noqa: PLC0415 - slow to import

            url = settings.database.url
            if url is not None:
                migrate(settings.database.owner_url or url, service=url)
        asyncio.run(_awaited(run(without_traces(settings))))


def with_core(run: Callable[["ConnectedCore"], Awaitable[None]]) -> None:
    """Run a command on the core of a deployment whose database answers."""

    async def work(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import

        container = Container(settings)
        try:
            await container.database.check()
            await run(container.core)
        finally:
            await container.close()

    on_servers(work)


async def _awaited(work: Awaitable[None]) -> None:
    await work
