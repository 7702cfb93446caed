"""`fm-auth user create`."""

import sys

import click

from app.cli.accounts import as_json, show_line, the_core
from app.cli.work import on_servers
from app.settings import Settings


@click.command()
@click.argument("username")
@click.option("--email", help="Default: USERNAME, or USERNAME@dev.faultmaven.local.")
@click.option("--display-name", help="Default: made from USERNAME.")
@click.option("--admin", is_flag=True, help="Give the role admin instead of user.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
)
@as_json
def create(
    username: str,
    email: str | None,
    display_name: str | None,
    admin: bool,  # noqa: FBT001 - click passes options by name
    password_stdin: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Create the account USERNAME; with --admin the first administrator, too.

    Without a password the account opens in development only.
    """
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def run(settings: Settings) -> None:
        from auth_core.kernel import Secret  # noqa: PLC0415 - slow to import
        from auth_core.users import Registration  # noqa: PLC0415

        registration = Registration.parse(username=username, email=email, display_name=display_name)
        secret = None if password is None else Secret(password)
        async with the_core(settings) as container:
            account = await container.core.administration.create(
                None, registration, password=secret, roles=("admin",) if admin else ("user",)
            )
        show_line(account, as_json=as_json, status=False)

    on_servers(run)
