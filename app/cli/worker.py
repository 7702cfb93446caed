"""`fm-auth worker`."""

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.settings import Settings
from auth_core.kernel import end_tasks

if TYPE_CHECKING:
    from app.worker import Worker

_CLOSING_SECONDS = 3
"""Of SHUTDOWN_TIMEOUT: to close connections; the last traces take up to 2.5 s of it."""


@click.command()
@click.option("--once", is_flag=True, help="Do all that is due, then exit: for cron.")
def worker(once: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Rotate keys, send mail and webhooks, remove and erase what is over, until stopped.

    `fm-auth serve` does so by itself unless AUTH_EMBEDDED_WORKER is false. Any number may run.
    """
    with explained(), settled_environment(os.environ) as (settings, *_):
        from app.observability import configure_logging  # noqa: PLC0415 - slow to import

        configure_logging(settings.service.log_level, settings.service.log_format)
        if not asyncio.run(_work(settings, once=once)):
            sys.exit(1)


async def _work(settings: Settings, *, once: bool) -> bool:
    from app.container import Container  # noqa: PLC0415 - slow to import
    from app.worker import Worker, tasks_of  # noqa: PLC0415

    stop, hurry = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told)
    container = Container(settings)
    try:
        await container.database.check()
        await container.session_cache.start()  # erased accounts leave it, too
        work = Worker(tasks_of(container.core), metrics=container.core.ports.metrics)
        if once:
            return await work.run_once()
        container.start_measuring()
        container.listen_for_scrapes()
        await work.start()
        click.echo("fm-auth worker is running. Stop with Ctrl-C.", err=True)
        await stop.wait()
        await _finish(work, settings.service.shutdown_timeout - _CLOSING_SECONDS, hurry)
    finally:
        await container.close()
    return True


async def _finish(work: "Worker", seconds: float, hurry: asyncio.Event) -> None:
    """Let the worker finish what it is at, at most until somebody hurries."""
    finishing, hurried = asyncio.create_task(work.close(seconds)), asyncio.create_task(hurry.wait())
    await asyncio.wait({finishing, hurried}, return_when=asyncio.FIRST_COMPLETED)
    await end_tasks([finishing, hurried])
