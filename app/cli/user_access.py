"""`fm-auth user invite|unlock`."""

import click

from app.cli.accounts import account_named, the_core
from app.cli.work import on_servers
from app.settings import Settings


@click.command()
@click.argument("email")
def invite(email: str) -> None:
    """Mail an invitation to EMAIL; an earlier one for the same address is void.

    It is for REGISTRATION_MODE=invite and works for three days.
    """

    async def run(settings: Settings) -> None:
        from auth_core.kernel import Email  # noqa: PLC0415 - slow to import

        address = Email.parse(email)
        if settings.registration.mode != "invite":
            click.echo("warning: REGISTRATION_MODE is not invite: the link will not work", err=True)
        async with the_core(settings) as container:
            await container.core.self_service.registration.invite(address)
        click.echo(f"An invitation is on its way to {address}.")

    on_servers(run)


@click.command()
@click.argument("name")
def unlock(name: str) -> None:
    """Let the password of NAME work again after too many failures."""

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            found = await account_named(container, name)
            unlocked = await container.core.password_proof.unlock(found.id)
        click.echo(f"{found.username} {'is unlocked' if unlocked else 'was not locked'}.")

    on_servers(run)


ACCESS = (invite, unlock)
