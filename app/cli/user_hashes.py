"""`fm-auth user outdated-hashes`."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from app.cli.accounts import as_json, show_line, the_core
from app.cli.work import on_servers
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from auth_core.credentials import Account, OutdatedHashes


@click.command("outdated-hashes")
@click.option("--retire", is_flag=True, help="Let these passwords open nothing any more.")
@click.option("--yes", is_flag=True, help="Retire without asking.")
@as_json
def outdated_hashes(retire: bool, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """List the accounts whose password hash is of another kind or cost than today's.

    Imported ones, and those made under earlier settings. Their owners' next login replaces them;
    until then the time of a failed login tells that there is such an account.

    With --retire the hash is replaced by one that no password has: the owner gets in again by
    "forgotten password", so mail has to work. Live sessions stay.
    """

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            outdated, found = _outdated(container), 0
            async for page in _pages(outdated):
                found += len(page)
                for account in page:
                    show_line(account.user, as_json=as_json)
            click.echo(f"{found} outdated", err=True)
            if not (retire and found):
                return
            if not yes:
                question = f"Retire the passwords of these {found}?"
                click.confirm(question, abort=True, err=True)
            async for page in _pages(outdated):
                await outdated.retire(page)
            click.echo("They are retired.", err=True)

    on_servers(run)


async def _pages(outdated: "OutdatedHashes") -> "AsyncIterator[list[Account]]":
    page = await outdated.page()
    while page.after is not None:
        yield page.accounts
        page = await outdated.page(after=page.after)


def _outdated(container: "Container") -> "OutdatedHashes":
    from auth_core.credentials import OutdatedHashes  # noqa: PLC0415 - slow to import

    ports = container.core.ports
    return OutdatedHashes(
        container.unit_of_work, ports.password_hasher, ports.clock, ports.ids, ports.entropy
    )


HASHES = (outdated_hashes,)
