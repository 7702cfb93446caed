"""/api/v1/webhooks and /api/v1/organizations/{id}/webhooks: events to receivers over HTTP."""

from datetime import timedelta
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from app.access import Place, requires
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.api.webhook_answers import (
    AuthNewWebhook,
    AuthSecretRotation,
    AuthWebhook,
    AuthWebhookChanges,
    AuthWebhookDeliveries,
    AuthWebhookDelivery,
    AuthWebhooks,
    AuthWebhookWithSecret,
)
from app.api.webhook_examples import (
    DELIVERIES,
    DELIVERY,
    NEW_WEBHOOK,
    SECRET_ROTATION,
    WEBHOOK,
    WEBHOOK_CHANGES,
    WEBHOOK_WITH_SECRET,
    WEBHOOKS,
)
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.kernel import FieldProblem, InvalidInput, OrganizationId
from auth_core.tokens import Principal
from auth_core.webhooks import (
    DeliveryId,
    DeliveryNotFound,
    EndpointChanges,
    EndpointId,
    WebhookConflict,
    WebhookNotFound,
    Webhooks,
)

_BAD_URL = InvalidInput(
    FieldProblem(field="url", type="invalid", message="must lead to a public address")
)
_ABSENT = {404: WebhookNotFound(), 409: WebhookConflict()}
_CHANGING = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)


def _of_organization(organization_id: FromPath[UUID]) -> OrganizationId | None:
    return OrganizationId(organization_id)


def _of_platform() -> OrganizationId | None:
    return None


_OWNER_PLATFORM = {"webhook_owner": Provide(_of_platform, sync_to_thread=False)}
_OWNER_ORGANIZATION = {"webhook_owner": Provide(_of_organization, sync_to_thread=False)}


class _Managing(Controller):
    """What is done to webhooks, whosever they are."""

    tags = ("Webhooks",)
    security = BY_BEARER

    @get(
        opt=LIMIT_READ,
        responses={
            200: answer(AuthWebhooks, WEBHOOKS),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="List webhooks",
    )
    async def page(
        self,
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthWebhooks:
        """List webhooks, oldest first."""
        found = await webhooks.endpoints.page(
            webhook_owner,
            after=after(cursor, EndpointId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthWebhooks(
            items=tuple(map(AuthWebhook.of, items)),
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        opt=LIMIT_GENERAL,
        operation_class=body(AuthNewWebhook, NEW_WEBHOOK),
        responses={
            201: answer(AuthWebhookWithSecret, WEBHOOK_WITH_SECRET),
            **errors(*_CHANGING, likely={**_ABSENT, 422: _BAD_URL}),
        },
        summary="Create a webhook",
    )
    async def create(
        self,
        data: JSONBody[AuthNewWebhook],
        principal: NamedDependency[Principal],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhookWithSecret:
        """Create a webhook, which gets what happens from now on.

        Its secret is in this answer and can never be read again. The URL must begin with https
        and lead to a public address.
        """
        made = await webhooks.endpoints.create(
            webhook_owner,
            url=data.url,
            event_types=data.event_types,
            description=data.description,
            actor=principal.user.id,
        )
        return AuthWebhookWithSecret.with_secret(*made)

    @get(
        "/{webhook_id:uuid}",
        opt=LIMIT_READ,
        responses={
            200: answer(AuthWebhook, WEBHOOK),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="Read a webhook",
    )
    async def read(
        self,
        webhook_id: FromPath[UUID],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhook:
        """Read a webhook and how it fares."""
        return AuthWebhook.of(await webhooks.endpoints.get(webhook_owner, EndpointId(webhook_id)))

    @patch(
        "/{webhook_id:uuid}",
        opt=LIMIT_GENERAL,
        operation_class=body(AuthWebhookChanges, WEBHOOK_CHANGES),
        responses={
            200: answer(AuthWebhook, WEBHOOK),
            **errors(*_CHANGING, likely={**_ABSENT, 422: _BAD_URL}),
        },
        summary="Change a webhook",
    )
    async def change(
        self,
        webhook_id: FromPath[UUID],
        data: JSONBody[AuthWebhookChanges],
        principal: NamedDependency[Principal],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhook:
        """Change a webhook, disable it or enable it again.

        What happens while it is disabled it never gets; deliveries that wait go on waiting.
        """
        given = msgspec.structs.asdict(data)
        changes = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        changed = await webhooks.endpoints.change(
            webhook_owner,
            EndpointId(webhook_id),
            EndpointChanges(**changes),
            actor=principal.user.id,
        )
        return AuthWebhook.of(changed)

    @delete(
        "/{webhook_id:uuid}",
        opt=LIMIT_GENERAL,
        responses=errors(400, 401, 403, 404, 429, 503, likely=_ABSENT),
        summary="Delete a webhook",
    )
    async def remove(
        self,
        webhook_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> None:
        """Delete a webhook with its log and all that waits for it."""
        await webhooks.endpoints.remove(
            webhook_owner, EndpointId(webhook_id), actor=principal.user.id
        )

    @post(
        "/{webhook_id:uuid}/rotate-secret",
        status_code=200,
        opt=LIMIT_GENERAL,
        operation_class=body(AuthSecretRotation, SECRET_ROTATION),
        responses={
            200: answer(AuthWebhookWithSecret, WEBHOOK_WITH_SECRET),
            **errors(*_CHANGING, likely=_ABSENT),
        },
        summary="Rotate the secret of a webhook",
    )
    async def rotate_secret(
        self,
        webhook_id: FromPath[UUID],
        data: JSONBody[AuthSecretRotation],
        principal: NamedDependency[Principal],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhookWithSecret:
        """Make a new secret, shown this once. The one before signs as well for some hours."""
        rotated = await webhooks.endpoints.rotate_secret(
            webhook_owner,
            EndpointId(webhook_id),
            overlap=timedelta(hours=data.overlap_hours),
            actor=principal.user.id,
        )
        return AuthWebhookWithSecret.with_secret(*rotated)

    @post(
        "/{webhook_id:uuid}/test",
        status_code=202,
        opt=LIMIT_GENERAL,
        responses={
            202: answer(AuthWebhookDelivery, DELIVERY),
            **errors(400, 401, 403, 404, 409, 429, 503, likely=_ABSENT),
        },
        summary="Send a test event",
    )
    async def test(
        self,
        webhook_id: FromPath[UUID],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhookDelivery:
        """Send an event of the type `webhook.test`, whatever types the webhook wants."""
        return AuthWebhookDelivery.of(
            await webhooks.log.test(webhook_owner, EndpointId(webhook_id))
        )

    @get(
        "/{webhook_id:uuid}/deliveries",
        opt=LIMIT_READ,
        responses={
            200: answer(AuthWebhookDeliveries, DELIVERIES),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="Read the delivery log",
    )
    async def deliveries(
        self,
        webhook_id: FromPath[UUID],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
        *,
        dead: FromQuery[bool] = False,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthWebhookDeliveries:
        """Read the deliveries to a webhook, the newest first; `dead=true`: what was given up."""
        found = await webhooks.log.page(
            webhook_owner,
            EndpointId(webhook_id),
            dead=dead,
            before=after(cursor, DeliveryId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthWebhookDeliveries(
            items=tuple(map(AuthWebhookDelivery.of, items)),
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/redeliver",
        status_code=202,
        opt=LIMIT_GENERAL,
        responses={
            202: answer(AuthWebhookDelivery, DELIVERY),
            **errors(
                *(400, 401, 403, 404, 409, 429, 503),
                likely={**_ABSENT, 404: DeliveryNotFound()},
            ),
        },
        summary="Send a delivery again",
    )
    async def redeliver(
        self,
        webhook_id: FromPath[UUID],
        delivery_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        webhooks: NamedDependency[Webhooks],
        webhook_owner: NamedDependency[OrganizationId | None],
    ) -> AuthWebhookDelivery:
        """Send a delivery that is over once more, with the `webhook-id` that it had."""
        queued = await webhooks.log.redeliver(
            webhook_owner, EndpointId(webhook_id), DeliveryId(delivery_id), actor=principal.user.id
        )
        return AuthWebhookDelivery.of(queued)


class WebhooksController(_Managing):
    """The platform's own, which get what happens in all organizations."""

    path = "/api/v1/webhooks"
    opt = requires(Permission.WEBHOOKS_MANAGE)
    dependencies = _OWNER_PLATFORM


class OrganizationWebhooksController(_Managing):
    """Those of one organization, which get what happens in it."""

    path = "/api/v1/organizations/{organization_id:uuid}/webhooks"
    opt = requires(Permission.WEBHOOKS_MANAGE, of=Place.ORGANIZATION)
    dependencies = _OWNER_ORGANIZATION
