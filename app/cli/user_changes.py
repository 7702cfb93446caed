"""`fm-auth user disable|enable|delete|restore|promote|demote|force-reset|end-sessions`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from app.cli.accounts import account_named, as_json, show_line, the_core
from app.cli.work import on_servers
from app.settings import Settings

if TYPE_CHECKING:
    from auth_core.administration import Administration
    from auth_core.users import User

Change = Callable[["Administration", "User"], Awaitable["User"]]

_ROLE = click.option(
    "--role",
    type=click.Choice(["admin", "platform_admin"]),
    default="admin",
    show_default=True,
    help="Which role.",
)


@click.command()
@click.argument("name")
@as_json
def disable(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Shut NAME out; every session ends at once."""
    _change(name, lambda core, user: core.disable(None, user.id), as_json=as_json)


@click.command()
@click.argument("name")
@as_json
def enable(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Let NAME in again. Sessions do not come back."""
    _change(name, lambda core, user: core.enable(None, user.id), as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(name: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001
    """Close the account NAME for good; every session ends at once."""
    if not yes:
        click.confirm(f"Delete {name} for good?", abort=True, err=True)
    _change(name, lambda core, user: core.delete(None, user.id), as_json=as_json)


@click.command()
@click.argument("name")
@as_json
def restore(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Keep the account NAME, whose owner has deleted it, from being erased.

    They are told by mail and can sign in again. Sessions do not come back.
    """
    _change(name, lambda core, user: core.restore(None, user.id), as_json=as_json)


@click.command()
@click.argument("name")
@_ROLE
@as_json
def promote(name: str, role: str, as_json: bool) -> None:  # noqa: FBT001
    """Give NAME an administrator role beside the roles they have."""

    def grant(core: "Administration", user: "User") -> Awaitable["User"]:
        roles = (*(held for held in user.roles if held != role), role)
        return core.edit(None, user.id, roles=roles, if_version=user.version)

    _change(name, grant, as_json=as_json)


@click.command()
@click.argument("name")
@as_json
def demote(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Take every administrator role from NAME; every session ends at once."""

    def revoke(core: "Administration", user: "User") -> Awaitable["User"]:
        kept = tuple(held for held in user.roles if held not in {"admin", "platform_admin"})
        return core.edit(None, user.id, roles=kept or ("user",), if_version=user.version)

    _change(name, revoke, as_json=as_json)


@click.command("force-reset")
@click.argument("name")
def force_reset(name: str) -> None:
    """End all sessions of NAME; the password opens nothing until it was replaced."""

    async def run(settings: Settings) -> None:
        async with the_core(settings, changes=True) as container:
            user = await account_named(container, name)
            await container.core.administration.require_password_change(None, user.id)
        click.echo(f"{user.username} must replace the password; all sessions have ended.")

    on_servers(run)


@click.command("end-sessions")
@click.argument("name", required=False)
@click.option("--everyone", is_flag=True, help="Not of one account: of all. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end_sessions(name: str | None, everyone: bool, yes: bool) -> None:  # noqa: FBT001
    """End all sessions of NAME at once. NAME can sign in again.

    With --everyone every session of the deployment ends: after a restore from a backup, which has
    forgotten what was revoked since.
    """
    if everyone == (name is not None):
        raise click.UsageError("give a NAME, or --everyone")
    if everyone and not yes:
        click.confirm("Sign everybody out?", abort=True, err=True)

    async def run(settings: Settings) -> None:
        async with the_core(settings, changes=True) as container:
            if name is None:
                said = await _end_everybodys(container.core.administration)
            else:
                user = await account_named(container, name)
                ended = await container.core.administration.end_sessions(None, user.id)
                said = f"Ended {_sessions(ended)} of {user.username}."
        click.echo(said)

    on_servers(run)


async def _end_everybodys(administration: "Administration") -> str:
    ended = [each async for each in administration.end_everybodys_sessions()]
    users = f"{len(ended)} account{'' if len(ended) == 1 else 's'}"
    return f"Ended {_sessions(sum(ended))} of {users}."


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"


def _change(name: str, change: Change, *, as_json: bool) -> None:
    async def run(settings: Settings) -> None:
        async with the_core(settings, changes=True) as container:
            user = await account_named(container, name)
            changed = await change(container.core.administration, user)
        show_line(changed, as_json=as_json)

    on_servers(run)


CHANGES = (disable, enable, delete, restore, promote, demote, force_reset, end_sessions)
