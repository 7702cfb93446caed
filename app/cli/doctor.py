"""`fm-auth doctor`."""

import asyncio
import os
import sys

import click

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.settings import Settings, load_settings


@click.command()
def doctor() -> None:
    """Look at settings, clocks, PostgreSQL, Redis, keys, events and mail; say what to do.

    Changes nothing. Exits 0 if all is well or there are warnings only, 1 if something is wrong,
    78 if the settings are.
    """
    with explained():
        if _nothing_yet(load_settings(os.environ)):
            click.echo("Nothing has run here yet: `fm-auth serve` makes all that it needs.")
            return
    with explained(), settled_environment(os.environ) as (settings, *_):
        from app.observability import FileDescriptorSink, configure_logging  # noqa: PLC0415

        configure_logging("critical", write=FileDescriptorSink(2))
        if not asyncio.run(_examine(settings)):
            sys.exit(1)


def _nothing_yet(settings: Settings) -> bool:
    return settings.embedded and not (settings.service.data_dir / "postgres").exists()


async def _examine(settings: Settings) -> bool:
    """Tell every finding as it comes; whether nothing is wrong."""
    from app.doctor import Level, examine, told  # noqa: PLC0415 - slow to import

    well = True
    async for found in examine(settings):
        well = well and found.level is not Level.ERROR
        for line in told([found]):
            click.echo(line)
    return well
