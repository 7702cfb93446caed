"""`fm-auth webhook list|create|enable|disable|delete|rotate-secret|test|deliveries|redeliver`."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from app.cli.work import with_core

if TYPE_CHECKING:
    from auth_core.core import Core
    from auth_core.kernel import OrganizationId, Secret
    from auth_core.webhooks import Delivery, EndpointId, WebhookEndpoint

_Command = TypeVar("_Command", bound=Callable[..., Any])
PAGE = 100


def _place(command: _Command) -> _Command:
    """The option that says whose webhooks are meant."""
    return click.option(
        "--organization",
        "owner",
        type=click.UUID,
        metavar="ID",
        help="A webhook of this organization; without it, of the platform.",
    )(command)


def _this(command: _Command) -> _Command:
    """One webhook."""
    return click.argument("webhook_id", type=click.UUID)(_place(command))


@click.group()
def webhook() -> None:
    """Make webhooks, see what became of deliveries, and send some of them again.

    `fm-auth serve` and `fm-auth worker` deliver; these commands only talk to the database.
    """


@webhook.command("list")
@_place
def list_(owner: UUID | None) -> None:
    """List webhooks: id, whether they are enabled, the URL, and the types that they get."""

    async def run(core: "Core") -> None:
        after: EndpointId | None = None
        while True:
            page = await core.webhooks.endpoints.page(_owner(owner), after=after, limit=PAGE)
            for endpoint in page:
                click.echo(_line(endpoint))
            if len(page) < PAGE:
                return
            after = page[-1].id

    with_core(run)


@webhook.command()
@click.argument("url")
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Such as user.created or user.*; all."
)
@click.option("--description", default="", help="What it is for.")
@_place
def create(url: str, types: tuple[str, ...], description: str, owner: UUID | None) -> None:
    """Make a webhook that sends events to URL, and print its secret, this once."""

    async def run(core: "Core") -> None:
        made = await core.webhooks.endpoints.create(
            _owner(owner), url=url, event_types=types or ("*",), description=description
        )
        _show_secret(*made)

    with_core(run)


@webhook.command()
@_this
def enable(webhook_id: UUID, owner: UUID | None) -> None:
    """Let a webhook get events again, from now on, and first what waits for it."""
    _switch(webhook_id, owner, enabled=True)


@webhook.command()
@_this
def disable(webhook_id: UUID, owner: UUID | None) -> None:
    """Keep events from a webhook: what happens meanwhile it never gets."""
    _switch(webhook_id, owner, enabled=False)


@webhook.command()
@_this
def delete(webhook_id: UUID, owner: UUID | None) -> None:
    """Delete a webhook with its log and all that waits for it."""

    async def run(core: "Core") -> None:
        await core.webhooks.endpoints.remove(_owner(owner), _endpoint(webhook_id))
        click.echo(f"{webhook_id} is deleted.")

    with_core(run)


@webhook.command("rotate-secret")
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 168),
    default=24,
    show_default=True,
    help="How long the secret of before signs as well.",
)
@_this
def rotate_secret(webhook_id: UUID, owner: UUID | None, overlap_hours: int) -> None:
    """Make a new secret for a webhook and print it, this once."""

    async def run(core: "Core") -> None:
        rotated = await core.webhooks.endpoints.rotate_secret(
            _owner(owner), _endpoint(webhook_id), overlap=timedelta(hours=overlap_hours)
        )
        _show_secret(*rotated)

    with_core(run)


@webhook.command()
@_this
def test(webhook_id: UUID, owner: UUID | None) -> None:
    """Queue an event of the type webhook.test."""

    async def run(core: "Core") -> None:
        click.echo(_entry(await core.webhooks.log.test(_owner(owner), _endpoint(webhook_id))))

    with_core(run)


@webhook.command()
@click.option("--dead", is_flag=True, help="Only what was given up.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_this
def deliveries(webhook_id: UUID, owner: UUID | None, *, dead: bool, limit: int) -> None:
    """List deliveries, the newest first: id, event, status, attempts, and the last one's end."""

    async def run(core: "Core") -> None:
        found = await core.webhooks.log.page(
            _owner(owner), _endpoint(webhook_id), dead=dead, limit=limit
        )
        for delivery in found:
            click.echo(_entry(delivery))

    with_core(run)


@webhook.command()
@_this
@click.argument("delivery_id", type=click.UUID)
def redeliver(webhook_id: UUID, delivery_id: UUID, owner: UUID | None) -> None:
    """Send a delivery that is over once more, with the webhook-id that it had."""

    async def run(core: "Core") -> None:
        from auth_core.webhooks import DeliveryId  # noqa: PLC0415 - slow to import

        queued = await core.webhooks.log.redeliver(
            _owner(owner), _endpoint(webhook_id), DeliveryId(delivery_id)
        )
        click.echo(_entry(queued))

    with_core(run)


def _switch(webhook_id: UUID, owner: UUID | None, *, enabled: bool) -> None:
    async def run(core: "Core") -> None:
        from auth_core.webhooks import EndpointChanges  # noqa: PLC0415 - slow to import

        changed = await core.webhooks.endpoints.change(
            _owner(owner), _endpoint(webhook_id), EndpointChanges(enabled=enabled)
        )
        click.echo(_line(changed))

    with_core(run)


def _owner(owner: UUID | None) -> "OrganizationId | None":
    from auth_core.kernel import OrganizationId  # noqa: PLC0415 - slow to import

    return None if owner is None else OrganizationId(owner)


def _endpoint(webhook_id: UUID) -> "EndpointId":
    from auth_core.webhooks import EndpointId  # noqa: PLC0415 - slow to import

    return EndpointId(webhook_id)


def _show_secret(endpoint: "WebhookEndpoint", secret: "Secret[str]") -> None:
    click.echo(_line(endpoint))
    click.echo(f"secret: {secret.reveal()}")
    click.echo("Give it to the receiver now: it cannot be shown again.", err=True)


def _line(endpoint: "WebhookEndpoint") -> str:
    state = "enabled" if endpoint.disabled is None else f"disabled ({endpoint.disabled})"
    failing = endpoint.health.failing_since
    if endpoint.disabled is None and failing is not None:
        state = f"failing since {failing.isoformat(timespec='seconds')}"
    return f"{endpoint.id}  {state}  {endpoint.url}  {','.join(endpoint.event_types)}"


def _entry(delivery: "Delivery") -> str:
    last = delivery.log[-1] if delivery.log else None
    end = "" if last is None else f"  {last.error or last.status}"
    return (
        f"{delivery.id}  {delivery.event_type}  {delivery.event_id}  {delivery.status}"
        f"  {delivery.attempts} attempts{end}"
    )
