"""`fm-auth user create|invite|list`."""

import sys

import click

from app.cli.work import on_servers
from app.settings import Settings

PAGE = 500


@click.group()
def user() -> None:
    """Create and list accounts, invite people."""


@user.command()
@click.argument("username")
@click.option("--email", help="Default: USERNAME, or USERNAME@dev.faultmaven.local.")
@click.option("--display-name", help="Default: made from USERNAME.")
@click.option("--admin", is_flag=True, help="Give the role admin instead of user.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
)
def create(
    username: str,
    email: str | None,
    display_name: str | None,
    admin: bool,  # noqa: FBT001 - click passes options by name
    password_stdin: bool,  # noqa: FBT001
) -> None:
    """Create the account USERNAME.

    Without a password the account opens in development only.
    """
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def run(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import
        from auth_core.credentials import parse_password  # noqa: PLC0415
        from auth_core.users import Registration  # noqa: PLC0415

        registration = Registration.parse(username=username, email=email, display_name=display_name)
        secret = None if password is None else parse_password(password)
        container = Container(settings)
        try:
            await container.database.check()
            account = await container.core.accounts.create(
                registration, password=secret, roles=("admin",) if admin else ("user",)
            )
        finally:
            await container.close()
        click.echo(f"{account.id}  {account.username}  {account.email}  {','.join(account.roles)}")

    on_servers(run)


@user.command()
@click.argument("email")
def invite(email: str) -> None:
    """Mail an invitation to EMAIL; an earlier one for the same address is void.

    It is for REGISTRATION_MODE=invite and works for three days.
    """

    async def run(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import
        from auth_core.kernel import Email  # noqa: PLC0415

        address = Email.parse(email)
        if settings.registration.mode != "invite":
            click.echo("warning: REGISTRATION_MODE is not invite: the link will not work", err=True)
        container = Container(settings)
        try:
            await container.database.check()
            await container.core.self_service.registration.invite(address)
        finally:
            await container.close()
        click.echo(f"An invitation is on its way to {address}.")

    on_servers(run)


@user.command("list")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many.")
def list_(limit: int | None) -> None:
    """List accounts, oldest first: id, user name, e-mail, roles, status."""

    async def run(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import

        container = Container(settings)
        left, after = limit or sys.maxsize, None
        try:
            await container.database.check()
            while page := await container.core.users.page(after=after, limit=min(PAGE, left)):
                for found in page:
                    roles = ",".join(found.roles)
                    click.echo(
                        f"{found.id}  {found.username}  {found.email}  {roles}  {found.status}"
                    )
                after, left = page[-1].id, left - len(page)
                if left == 0:
                    break
        finally:
            await container.close()

    on_servers(run)
