"""`fm-auth user list|search|show`."""

import sys
from collections.abc import Callable
from typing import Any

import click

from app.cli.accounts import account_named, as_json, show_line, the_core
from app.cli.work import on_servers
from app.settings import Settings

PAGE = 500

_LIMIT = click.option("--limit", type=click.IntRange(min=1), help="Stop after this many.")
_STATUS = click.option(
    "--status",
    type=click.Choice(["pending", "active", "disabled", "deleted"]),
    help="Only accounts in this status.",
)
_ROLE = click.option(
    "--role",
    type=click.Choice(["user", "admin", "platform_admin"]),
    help="Only accounts that hold this role.",
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in (_LIMIT, _STATUS, _ROLE, as_json):
        command = option(command)
    return command


@click.command("list")
@_filtered
def list_(**options: Any) -> None:
    """List accounts, oldest first: id, user name, e-mail, roles, status."""
    _print(None, **options)


@click.command()
@click.argument("prefix")
@_filtered
def search(prefix: str, **options: Any) -> None:
    """List the accounts whose user name, e-mail or display name begins with PREFIX."""
    _print(prefix, **options)


@click.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show the account NAME."""

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            show_line(await account_named(container, name), as_json=as_json)

    on_servers(run)


def _print(
    prefix: str | None,
    *,
    limit: int | None,
    status: str | None,
    role: str | None,
    as_json: bool,
) -> None:
    async def run(settings: Settings) -> None:
        from auth_core.users import UserQuery, UserStatus  # noqa: PLC0415 - slow to import

        query = UserQuery(
            prefix=prefix and prefix.replace("\0", ""),
            statuses=None if status is None else frozenset({UserStatus(status)}),
            role=role,
        )
        left, after = limit or sys.maxsize, None
        async with the_core(settings) as container:
            users = container.core.users
            while page := await users.search(query, after=after, limit=min(PAGE, left)):
                for found in page:
                    show_line(found, as_json=as_json)
                after, left = page[-1].id, left - len(page)
                if left == 0:
                    break

    on_servers(run)


FINDS = (list_, search, show)
