"""Example values of the routes of webhooks (see `app.api.examples`)."""

from typing import Final

from app.api.examples import Json

_AT: Final = "2026-01-15T09:30:00.123456+00:00"

NEW_WEBHOOK: Final[Json] = {
    "url": "https://billing.example.com/hooks/auth",
    "event_types": ["membership.*", "user.erased"],
    "description": "Billing",
}
WEBHOOK_CHANGES: Final[Json] = {"event_types": ["membership.*"], "enabled": True}
WEBHOOK: Final[Json] = {
    **NEW_WEBHOOK,
    "webhook_id": "0198f3c1-5a6b-7c8d-9e0f-102132435465",
    "organization_id": "0198f3b0-1d2e-7f3a-8b4c-5d6e7f8091a2",
    "enabled": True,
    "disabled_reason": None,
    "enabled_since": _AT,
    "failing_since": None,
    "paused_until": None,
    "previous_secret_expires_at": None,
    "created_at": _AT,
    "updated_at": _AT,
}
WEBHOOK_WITH_SECRET: Final[Json] = {**WEBHOOK, "secret": "whsec_… shown this once …"}
WEBHOOKS: Final[Json] = {"items": [WEBHOOK], "next_cursor": None}
SECRET_ROTATION: Final[Json] = {"overlap_hours": 24}
DELIVERY: Final[Json] = {
    "delivery_id": "0198f3c2-0a1b-7c2d-8e3f-405162738495",
    "event_id": "0198f3c2-0a1a-7b1c-9d2e-3f4051627384",
    "event_type": "membership.added",
    "status": "delivered",
    "attempts": 2,
    "queued_at": _AT,
    "next_attempt_at": None,
    "delivered_at": "2026-01-15T09:30:09.913579+00:00",
    "dead_at": None,
    "log": [
        {"at": _AT, "milliseconds": 61, "status": 503, "error": "http_503"},
        {
            "at": "2026-01-15T09:30:09.876543+00:00",
            "milliseconds": 37,
            "status": 204,
            "error": None,
        },
    ],
}
DELIVERIES: Final[Json] = {"items": [DELIVERY], "next_cursor": None}
