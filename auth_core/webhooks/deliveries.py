"""The delivery log: seeing it, sending once more, sending a test, and forgetting."""

from collections.abc import Callable
from datetime import datetime

from auth_core.audit import AuditAction
from auth_core.events import CloudEvent, EventSource
from auth_core.kernel import Clock, EventId, Ids, OrganizationId, UserId
from auth_core.webhooks.change import (
    DeliveryNotFound,
    WebhookConflict,
    WebhookTrail,
    found,
    within,
)
from auth_core.webhooks.events import WebhookTest
from auth_core.webhooks.model import (
    Delivery,
    DeliveryId,
    EndpointId,
    NewDelivery,
    WebhookEndpoint,
    WebhookMessage,
)
from auth_core.webhooks.ports import WebhooksUnitOfWork
from auth_core.webhooks.service import BATCH, WebhookPolicy

TEST_TYPE = str(WebhookTest.__struct_config__.tag)


class DeliveryLog:
    """Deliveries of the endpoints of one ``scope``, as in `WebhookService`."""

    def __init__(
        self,
        unit_of_work: Callable[[], WebhooksUnitOfWork],
        clock: Clock,
        ids: Ids,
        source: EventSource,
        policy: WebhookPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._ids = ids
        self._trail = WebhookTrail(clock, ids)
        self._source = source
        self._policy = policy

    async def test(self, scope: OrganizationId | None, endpoint_id: EndpointId) -> Delivery:
        """Queue an event of type ``webhook.test``, whatever types the endpoint wants.

        Raises WebhookConflict for a disabled one.
        """
        now, event_id = self._clock.now(), EventId(self._ids.uuid())
        async with within(self._unit_of_work(), scope) as uow:
            endpoint = await _enabled(uow, scope, endpoint_id)
            delivery_id = DeliveryId(self._ids.uuid())
            message = WebhookMessage(
                id=event_id,
                type=TEST_TYPE,
                subject=str(event_id),  # it waits for nothing
                organization_id=scope,
                occurred_at=now,
                body=_test_event(self._source, event_id, endpoint, now).encoded().decode(),
            )
            await uow.deliveries.enqueue(
                [
                    NewDelivery(
                        id=delivery_id, endpoint_id=endpoint_id, message=message, queued_at=now
                    )
                ]
            )
            queued = await _delivery(uow, endpoint_id, delivery_id)
            await uow.commit()
        return queued

    async def page(
        self,
        scope: OrganizationId | None,
        endpoint_id: EndpointId,
        *,
        dead: bool = False,
        before: DeliveryId | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """The delivery log, newest first; ``dead``: only what was given up."""
        async with within(self._unit_of_work(), scope) as uow:
            await found(uow, scope, endpoint_id)
            return await uow.deliveries.page(endpoint_id, dead=dead, before=before, limit=limit)

    async def redeliver(
        self,
        scope: OrganizationId | None,
        endpoint_id: EndpointId,
        delivery_id: DeliveryId,
        *,
        actor: UserId | None = None,
    ) -> Delivery:
        """Send a delivery that is over once more, with the same ``webhook-id``.

        Raises DeliveryNotFound; WebhookConflict for one on its way and for a disabled endpoint.
        """
        async with within(self._unit_of_work(), scope) as uow:
            endpoint = await _enabled(uow, scope, endpoint_id)
            await _delivery(uow, endpoint_id, delivery_id)
            if not await uow.deliveries.again(endpoint_id, delivery_id, self._clock.now()):
                raise WebhookConflict("This delivery is still on its way.")
            await self._trail.append(
                uow, AuditAction.WEBHOOK_REDELIVERED, endpoint, actor, str(delivery_id)
            )
            queued = await _delivery(uow, endpoint_id, delivery_id)
            await uow.commit()
        return queued

    async def waiting(self) -> int:
        """How many deliveries are not over. Counts: not for every second."""
        async with self._unit_of_work().for_platform() as uow:
            return await uow.deliveries.waiting()

    async def sweep(self) -> int:
        """Remove the deliveries whose time is over, by any number at once; returns how many."""
        before, swept = self._clock.now() - self._policy.retention, 0
        while True:
            async with self._unit_of_work().for_platform() as uow:
                removed = await uow.deliveries.sweep(before, BATCH)
                await uow.commit()
            swept += removed
            if removed < BATCH:
                return swept


async def _enabled(
    uow: WebhooksUnitOfWork, scope: OrganizationId | None, endpoint_id: EndpointId
) -> WebhookEndpoint:
    endpoint = await found(uow, scope, endpoint_id, lock=True)
    if not endpoint.enabled:
        raise WebhookConflict("This webhook is disabled: enable it first.")
    return endpoint


async def _delivery(
    uow: WebhooksUnitOfWork, endpoint_id: EndpointId, delivery_id: DeliveryId
) -> Delivery:
    delivery = await uow.deliveries.find(endpoint_id, delivery_id)
    if delivery is None:
        raise DeliveryNotFound
    return delivery


def _test_event(
    source: EventSource, event_id: EventId, endpoint: WebhookEndpoint, at: datetime
) -> CloudEvent:
    scope = endpoint.organization_id
    return CloudEvent(
        specversion="1.0",
        id=str(event_id),
        source=source.uri,
        type=TEST_TYPE,
        subject=str(endpoint.id),
        time=at,
        datacontenttype="application/json",
        dataschema=f"{source.schemas}/{TEST_TYPE}",
        data={"endpoint_id": str(endpoint.id)},
        organizationid=None if scope is None else str(scope),
    )
