"""`fm-auth key list|rotate|revoke|import|export-public|rewrap`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.work import with_core

if TYPE_CHECKING:
    from auth_core.core import Core
    from auth_core.keys import KeyService, SealedKey

_USE = click.option(
    "--use",
    type=click.Choice(["access", "refresh"]),
    default="access",
    show_default=True,
    help="Which tokens the key signs.",
)


@click.group()
def key() -> None:
    """List, rotate and revoke signing keys.

    Keys are sealed in the database; no command shows a private key.
    """


@key.command("list")
def list_() -> None:
    """List the keys: id, use, algorithm, status, and since (or from) when."""

    async def run(keys: "KeyService") -> None:
        for stored in await keys.stored():
            click.echo(_line(stored))

    _with_keys(run)


@key.command()
@_USE
@click.option(
    "--now", is_flag=True, help="Emergency: kill the active key and all its tokens at once."
)
def rotate(use: str, now: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Replace the active key.

    The next key is published at once and signs once relying services have had time to learn of it:
    at the moment shown, if `fm-auth serve` or `fm-auth worker` runs then.
    """

    async def run(keys: "KeyService") -> None:
        from auth_core.keys import KeyUse  # noqa: PLC0415 - slow to import

        wanted = KeyUse(use)
        if not now:
            click.echo(_line(await keys.rotate(wanted)))
            return
        active = (await keys.ring()).active(wanted)
        if active is not None:
            await _revoke(keys, active.kid)

    _with_keys(run)


@key.command()
@click.argument("kid")
def revoke(kid: str) -> None:
    """Take the key KID out at once; its tokens are refused everywhere within seconds.

    If it signs, a new key takes its place.
    """
    _with_keys(lambda keys: _revoke(keys, kid))


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--activate",
    is_flag=True,
    help="Sign with it at once; relying services with a copy of the JWKS notice.",
)
def import_(file: Path, activate: bool) -> None:  # noqa: FBT001
    """Take the private key in FILE (PEM, unencrypted) for access tokens.

    It becomes the next key, which signs once relying services have had time to learn of it.
    """

    async def run(keys: "KeyService") -> None:
        from adapters.crypto import key_from_pem  # noqa: PLC0415 - slow to import
        from adapters.system import SystemClock  # noqa: PLC0415

        brought = key_from_pem(file, SystemClock().now())
        click.echo(_line(await keys.bring_in(brought, activate=activate)))

    _with_keys(run)


@key.command("export-public")
def export_public() -> None:
    """Print the public keys as a JWK Set, the active one first."""

    async def run(keys: "KeyService") -> None:
        import json  # noqa: PLC0415

        click.echo(json.dumps((await keys.ring()).jwks(), indent=2))

    _with_keys(run)


@key.command()
def rewrap() -> None:
    """Seal every key, waiting letter, webhook's secret and end of an audit chain under
    AUTH_MASTER_KEY that is still under AUTH_MASTER_KEY_PREVIOUS.

    Safe to run again. After it the previous master key opens nothing any more.
    """

    async def run(core: "Core") -> None:
        keys, letters = await core.keys.rewrap(), await core.mail.rewrap()
        chains = await core.audit.trimming.rewrap()
        webhooks = await core.webhooks.rewrap()
        click.echo(f"{keys} keys and {letters} letters are sealed anew.")
        if webhooks:
            click.echo(f"{webhooks} secrets of webhooks are sealed anew.")
        if chains:
            click.echo(f"{chains} audit chains are vouched for anew.")

    with_core(run)


async def _revoke(keys: "KeyService", kid: str) -> None:
    successor = await keys.revoke(kid)
    click.echo(f"{kid} is revoked.")
    if successor is not None:
        click.echo(_line(successor))


def _with_keys(run: Callable[["KeyService"], Awaitable[None]]) -> None:
    with_core(lambda core: run(core.keys))


def _line(stored: "SealedKey") -> str:
    moment = stored.retired_at or stored.activated_at or stored.activates_at or stored.created_at
    when = moment.isoformat(timespec="seconds")
    return f"{stored.kid}  {stored.use}  {stored.algorithm}  {stored.status}  {when}"
