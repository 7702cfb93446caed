"""`fm-auth worker`."""

import asyncio
import os
import signal
import sys

import click

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.settings import Settings


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

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
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
        await work.close()
    finally:
        await container.close()
    return True
