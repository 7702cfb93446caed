"""Endpoints and deliveries for the suites of webhooks."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from auth_core.kernel import EventId, OrganizationId
from auth_core.testing.contracts.making import fresh_id, now
from auth_core.webhooks import (
    Attempt,
    Delivery,
    DeliveryId,
    EndpointId,
    Health,
    NewDelivery,
    Verdict,
    WebhookEndpoint,
    WebhookMessage,
    WebhooksUnitOfWork,
)

WebhooksFactory = Callable[[], WebhooksUnitOfWork]

LEASE = timedelta(minutes=1)
MANY = 1000
TICK = timedelta(microseconds=1)


def new_endpoint(scope: OrganizationId | None = None, **changes: Any) -> WebhookEndpoint:
    """An endpoint that nobody has stored."""
    at = now()
    endpoint = WebhookEndpoint(
        id=EndpointId(fresh_id(at)),
        organization_id=scope,
        url="https://receiver.example/hooks?q=ü%20🦊".encode().decode(),
        event_types=("session.created", "user.*"),
        description="Zoë's receiver 🦊 \"; DROP TABLE users; --",
        sealed_secret=bytes(range(256)),
        created_at=at,
        updated_at=at,
        enabled_since=at,
    )
    return msgspec.structs.replace(endpoint, **changes)


def new_message(subject: str = "somebody", **changes: Any) -> WebhookMessage:
    """A message that nobody has had."""
    message = WebhookMessage(
        id=EventId(fresh_id()),
        type="user.updated",
        subject=subject,
        organization_id=None,
        occurred_at=now(),
        body='{"data": "ünï 🦊\\u0000\\\\"}',
    )
    return msgspec.structs.replace(message, **changes)


async def stored_endpoint(unit_of_work: WebhooksFactory, **changes: Any) -> WebhookEndpoint:
    """A committed endpoint."""
    endpoint = new_endpoint(**changes)
    async with unit_of_work() as uow:
        assert await uow.webhooks.add(endpoint, most=MANY)
        await uow.commit()
    return endpoint


async def queue(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    *messages: WebhookMessage,
    at: datetime | None = None,
) -> list[DeliveryId]:
    """Committed deliveries of ``messages``; ids of those too that were there already."""
    deliveries = [
        NewDelivery(
            id=DeliveryId(fresh_id(at)),
            endpoint_id=endpoint.id,
            message=message,
            queued_at=at or now(),
        )
        for message in messages
    ]
    async with unit_of_work() as uow:
        await uow.deliveries.enqueue(deliveries)
        await uow.commit()
    return [delivery.id for delivery in deliveries]


async def take(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    at: datetime,
    *,
    limit: int = 10,
) -> tuple[WebhookEndpoint, list[Delivery]]:
    """Lease whatever is due until ``endpoint`` comes, and take its deliveries."""
    while True:
        async with unit_of_work() as uow:
            leased = await uow.deliveries.lease(at, at + LEASE)
            assert leased is not None, "it is not due"
            taken = []
            if leased.id == endpoint.id:
                taken = await uow.deliveries.take(leased, at, at + LEASE, limit)
            await uow.commit()
        if leased.id == endpoint.id:
            return leased, taken


async def is_due(unit_of_work: WebhooksFactory, endpoint: WebhookEndpoint, at: datetime) -> bool:
    """Whether somebody would look at ``endpoint`` at ``at``."""
    async with unit_of_work() as uow:
        found = await uow.webhooks.get(endpoint.organization_id, endpoint.id)
    assert found is not None
    free = found.leased_until is None or found.leased_until <= at
    return found.enabled and found.due_at is not None and found.due_at <= at and free


async def settle(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    verdicts: Sequence[Verdict],
    at: datetime,
    *,
    health: Health | None = None,
) -> bool:
    """Commit what became of deliveries."""
    async with unit_of_work() as uow:
        standing = await uow.deliveries.settle(endpoint, verdicts, health or Health(), at)
        await uow.commit()
    return standing


def taken_well(delivery: Delivery, at: datetime) -> Verdict:
    """Its receiver has it."""
    return Verdict(delivery=delivery, attempt=Attempt(at=at, milliseconds=7, status=204))


def failed(delivery: Delivery, at: datetime, again_at: datetime | None) -> Verdict:
    """Its receiver does not have it."""
    attempt = Attempt(at=at, milliseconds=9, status=500, error="http_500")
    return Verdict(delivery=delivery, attempt=attempt, again_at=again_at)
