"""Rows of webhooks as what they stand for."""

import asyncpg
import msgspec

from auth_core.kernel import EventId, OrganizationId
from auth_core.webhooks import (
    Attempt,
    Delivery,
    DeliveryId,
    DisabledReason,
    EndpointId,
    Health,
    WebhookEndpoint,
)

_decode_log = msgspec.json.Decoder(tuple[Attempt, ...]).decode


def endpoint_from(row: asyncpg.Record) -> WebhookEndpoint:
    """The endpoint of a row with all columns."""
    return WebhookEndpoint(
        id=EndpointId(row["id"]),
        organization_id=scope_of(row),
        url=row["url"],
        event_types=tuple(row["event_types"]),
        description=row["description"],
        sealed_secret=row["sealed_secret"],
        sealed_previous_secret=row["sealed_previous_secret"],
        previous_expires_at=row["previous_expires_at"],
        disabled=None if row["disabled"] is None else DisabledReason(row["disabled"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        enabled_since=row["enabled_since"],
        health=Health(
            consecutive_failures=row["consecutive_failures"],
            failing_since=row["failing_since"],
            paused_until=row["paused_until"],
        ),
        due_at=row["due_at"],
        leased_until=row["leased_until"],
    )


def scope_of(row: asyncpg.Record) -> OrganizationId | None:
    """Whose endpoint it is; None: the platform's."""
    return None if row["organization_id"] is None else OrganizationId(row["organization_id"])


def delivery_from(row: asyncpg.Record) -> Delivery:
    """The delivery of a row with all columns."""
    return Delivery(
        id=DeliveryId(row["id"]),
        endpoint_id=EndpointId(row["endpoint_id"]),
        event_id=EventId(row["event_id"]),
        event_type=row["event_type"],
        subject=row["subject"],
        body=row["body"],
        queued_at=row["queued_at"],
        next_attempt_at=row["next_attempt_at"],
        attempts=row["attempts"],
        log=_decode_log(row["log"]),
        delivered_at=row["delivered_at"],
        dead_at=row["dead_at"],
    )
