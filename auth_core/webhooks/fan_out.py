"""From the events of the outbox to one delivery for each endpoint that wants them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from auth_core.events import CloudEvent, EventPublisher, PublishingFailed
from auth_core.kernel import Clock, EventId, Ids, OrganizationId, Unavailable
from auth_core.webhooks.model import DeliveryId, Listener, NewDelivery, WebhookMessage
from auth_core.webhooks.patterns import wants
from auth_core.webhooks.ports import WebhooksUnitOfWork


class WebhookFanOut:
    """The publisher that writes deliveries, all of a call in one commit.

    The relay of events calls it again after a crash, or for a replay: an endpoint has each event
    once as long as the delivery log shows it, and after that again under the same id.
    """

    name = "webhooks"

    def __init__(
        self, unit_of_work: Callable[[], WebhooksUnitOfWork], clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._ids = ids

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Queue events for whoever wants them. Raises PublishingFailed; all of them come again."""
        try:
            await self.spread([_message(event) for event in events])
        except Unavailable as error:
            raise PublishingFailed("database_unavailable") from error

    async def spread(self, messages: Sequence[WebhookMessage]) -> int:
        """Queue messages, in their order, for the endpoints that want them; returns how many.

        Durable when this returns. Raises Unavailable; then nothing was queued.
        """
        organizations = {
            message.organization_id for message in messages if message.organization_id is not None
        }
        async with self._unit_of_work().for_platform() as uow:
            listeners = await uow.webhooks.listeners(organizations)
            now = self._clock.now()
            deliveries = [
                NewDelivery(
                    id=DeliveryId(self._ids.uuid()),
                    endpoint_id=listener.id,
                    message=message,
                    queued_at=now,
                )
                for message in messages
                for listener in listeners
                if _is_for(message, listener)
            ]
            if not deliveries:
                return 0
            queued = await uow.deliveries.enqueue(deliveries)
            await uow.commit()
        return queued


def _is_for(message: WebhookMessage, listener: Listener) -> bool:
    """An organization's endpoint gets what happens in it and nothing else; the platform's, all.

    By the time of the event, not of its relaying: a publisher that is behind, or was set back,
    tells nobody what happened before they listened.
    """
    own = listener.organization_id is None or listener.organization_id == message.organization_id
    listened = listener.since <= message.occurred_at
    return own and listened and wants(listener.event_types, message.type)


def _message(event: CloudEvent) -> WebhookMessage:
    organization_id = event.organizationid
    return WebhookMessage(
        id=EventId(UUID(event.id)),
        type=event.type,
        subject=event.subject,
        organization_id=(
            None if organization_id is None else OrganizationId(UUID(organization_id))
        ),
        occurred_at=event.time,
        body=event.encoded().decode(),
    )


if TYPE_CHECKING:
    _: type[EventPublisher] = WebhookFanOut
