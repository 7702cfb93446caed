"""`fm-auth user create|list|invite|unlock|import|export|export-data|erase`."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import click

from app.cli.user_transfer import export, import_
from app.cli.work import on_servers
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from auth_core.users import User

PAGE = 500


@click.group()
def user() -> None:
    """Create, list, invite, unlock, import, export and erase accounts."""


user.add_command(import_)
user.add_command(export)


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
        from auth_core.kernel import Secret  # noqa: PLC0415
        from auth_core.users import Registration  # noqa: PLC0415

        registration = Registration.parse(username=username, email=email, display_name=display_name)
        secret = None if password is None else Secret(password)
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


@user.command("export-data")
@click.argument("name")
def export_data(name: str) -> None:
    """Print all that is stored about the person NAME, as JSON.

    NAME is a user name, an e-mail address or an id. Passwords and other secrets are not told.
    """

    async def run(container: "Container", found: "User") -> None:
        import msgspec  # noqa: PLC0415 - slow to import

        exported = await container.core.personal_data.export(found.id)
        click.echo(msgspec.json.format(msgspec.json.encode(exported), indent=2).decode())

    _with_user(name, run)


@user.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def erase(name: str, yes: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Erase the account NAME now, with all that is personal. It cannot be brought back.

    NAME is a user name, an e-mail address or an id. Every session ends; events and audit records
    stay, and name the person by the id only.
    """

    async def run(container: "Container", found: "User") -> None:
        if not yes:
            click.confirm(f"Erase {found.username} ({found.id}) for good?", abort=True, err=True)
        await container.core.personal_data.erase(found.id)
        click.echo(f"{found.id} is erased.")

    _with_user(name, run)


def _with_user(name: str, run: Callable[["Container", "User"], Awaitable[None]]) -> None:
    async def work(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import
        from auth_core.kernel import UserNotFound  # noqa: PLC0415

        container = Container(settings)
        try:
            await container.database.check()
            await container.session_cache.start()
            found = await _found(container, name)
            if found is None:
                raise UserNotFound
            await run(container, found)
        finally:
            await container.close()

    on_servers(work)


async def _found(container: "Container", name: str) -> "User | None":
    """The account of this id, user name or address."""
    from auth_core.kernel import Email, InvalidInput, UserId, Username  # noqa: PLC0415

    async with container.unit_of_work() as uow:
        try:
            return await uow.users.get(UserId(UUID(name)))
        except ValueError:
            pass
        for kind in (Username, Email):
            try:
                found = await uow.users.find(kind.parse(name))
            except InvalidInput:
                continue
            if found is not None:
                return found
    return None


@user.command()
@click.argument("name")
def unlock(name: str) -> None:
    """Let the password of NAME work again after too many failures.

    NAME is a user name, an e-mail address or an id.
    """

    async def run(container: "Container", found: "User") -> None:
        unlocked = await container.core.password_proof.unlock(found.id)
        click.echo(f"{found.username} {'is unlocked' if unlocked else 'was not locked'}.")

    _with_user(name, run)
