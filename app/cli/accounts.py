"""What the commands on accounts share: the core at hand, names, and lines of output."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from auth_core.users import User

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object per account.")


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """An account in JSON."""

    user_id: UUID
    username: str
    email: str
    email_verified: bool
    display_name: str
    roles: tuple[str, ...]
    status: str
    created_at: str
    last_login: str | None
    delete_after: str | None


@asynccontextmanager
async def the_core(settings: Settings, *, changes: bool = False) -> AsyncIterator["Container"]:
    """The container; with ``changes`` connected to the cache, so that they hold at once."""
    from app.container import Container  # noqa: PLC0415 - slow to import

    container = Container(settings)
    try:
        await container.database.check()
        if changes:
            await container.session_cache.start()
        yield container
        if changes and not container.session_cache.available:
            click.echo(
                "Redis does not answer. The change is stored; running services notice what ended"
                f" within seconds, and other changes in {settings.cache.session_seconds} s.",
                err=True,
            )
    finally:
        await container.close()


async def account_named(container: "Container", name: str) -> "User":
    """The account whose id, address or user name this is. Raises UserNotFound."""
    from auth_core.kernel import (  # noqa: PLC0415
        Email,
        InvalidInput,
        UserId,
        Username,
        UserNotFound,
    )

    users = container.core.users
    try:
        return await users.get(UserId(UUID(name)))
    except ValueError:
        pass
    for kind in (Username, Email):
        try:
            return await users.named(kind.parse(name))
        except (InvalidInput, UserNotFound):
            continue
    raise UserNotFound


def show_line(account: "User", *, as_json: bool, status: bool = True) -> None:
    """Print an account: JSON, or id, user name, e-mail, roles and ``status``, which says it when
    the account is closed and until when it can be restored.
    """
    if as_json:
        click.echo(msgspec.json.encode(_line(account)).decode())
        return
    words = [str(account.id), account.username.value, account.email.value, ",".join(account.roles)]
    click.echo("  ".join([*words, _status(account)] if status else words))


def _status(account: "User") -> str:
    status = account.status.value
    if account.delete_after is None or status == "deleted":
        return status
    return f"{status}, erased after {account.delete_after.isoformat()}"


def _line(account: "User") -> AccountLine:
    last, leaves = account.last_login_at, account.delete_after
    return AccountLine(
        user_id=account.id,
        username=account.username.value,
        email=account.email.value,
        email_verified=account.email_verified,
        display_name=account.display_name,
        roles=account.roles,
        status=account.status.value,
        created_at=account.created_at.isoformat(),
        last_login=None if last is None else last.isoformat(),
        delete_after=None if leaves is None else leaves.isoformat(),
    )
