"""`fm-auth user export-data|erase`."""

import click

from app.cli.accounts import account_named, the_core
from app.cli.work import on_servers
from app.settings import Settings


@click.command("export-data")
@click.argument("name")
def export_data(name: str) -> None:
    """Print all that is stored about the person NAME, as JSON.

    Passwords and other secrets are not told.
    """

    async def run(settings: Settings) -> None:
        import msgspec  # noqa: PLC0415 - slow to import

        async with the_core(settings) as container:
            found = await account_named(container, name)
            exported = await container.core.personal_data.export(found.id)
        click.echo(msgspec.json.format(msgspec.json.encode(exported), indent=2).decode())

    on_servers(run)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def erase(name: str, yes: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Erase the account NAME now, with all that is personal. It cannot be brought back.

    Every session ends; events and audit records stay, and name the person by the id only.
    """

    async def run(settings: Settings) -> None:
        async with the_core(settings, changes=True) as container:
            found = await account_named(container, name)
            if not yes:
                question = f"Erase {found.username} ({found.id}) for good?"
                click.confirm(question, abort=True, err=True)
            await container.core.personal_data.erase(found.id)
        click.echo(f"{found.id} is erased.")

    on_servers(run)


DATA = (export_data, erase)
