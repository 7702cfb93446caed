"""`fm-auth events status|replay`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.cli.work import with_core

if TYPE_CHECKING:
    from app.in_process import ConnectedCore


@click.group()
def events() -> None:
    """See how far events have got, and send some of them again.

    The relay is part of `fm-auth serve` and `fm-auth worker`; these commands only talk to it.
    """


@events.command()
def status() -> None:
    """How many events each publisher has not taken yet, and how long the oldest has waited."""

    async def run(core: "ConnectedCore") -> None:
        now = core.clock.now()
        for backlog in await core.events.backlogs():
            waited = 0.0 if backlog.oldest is None else (now - backlog.oldest).total_seconds()
            click.echo(f"{backlog.publisher}  {backlog.depth} events wait, for {waited:.1f} s")

    with_core(run)


@events.command()
@click.option("--since", required=True, metavar="TIME", help="ISO 8601, e.g. 2026-11-25T10:00Z.")
@click.option("--publisher", help="Only this one, as `fm-auth events status` names it.")
def replay(since: str, publisher: str | None) -> None:
    """Publish the events that happened since TIME again, with the same ids, in the same order.

    What happens meanwhile comes behind them. Events older than AUTH_EVENT_RETENTION_DAYS are gone.
    A webhook gets only what its delivery log does not show: `fm-auth webhook redeliver` repeats.
    """
    moment = _moment(since)

    async def run(core: "ConnectedCore") -> None:
        names = core.events.publishers
        if publisher is not None and publisher not in names:
            raise click.UsageError(f"there is no publisher {publisher}; there are: {_all(names)}")
        for name in names if publisher is None else (publisher,):
            count = await core.events.since(moment, name)
            click.echo(f"{name}: {count} events go again")

    with_core(run)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("is not a time", param_hint="--since") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _all(names: tuple[str, ...]) -> str:
    return ", ".join(names)
