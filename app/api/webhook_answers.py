"""What the routes of webhooks take and answer."""

from datetime import datetime
from typing import Annotated, Self, TypedDict
from uuid import UUID

import msgspec

from app.api.answers import Timestamp, timestamp
from auth_core.kernel import Secret
from auth_core.webhooks import Attempt, Delivery, WebhookEndpoint

_Url = Annotated[str, msgspec.Meta(max_length=2048)]
_EventTypes = Annotated[tuple[str, ...], msgspec.Meta(max_length=50)]
_Description = Annotated[str, msgspec.Meta(max_length=200)]


class AuthNewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to make. ``event_types`` are types, patterns such as ``user.*``, or ``*``."""

    url: _Url
    event_types: _EventTypes = ("*",)
    description: _Description = ""


class AuthWebhookChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different from now on; what is left out stays."""

    url: _Url | msgspec.UnsetType = msgspec.UNSET
    event_types: _EventTypes | msgspec.UnsetType = msgspec.UNSET
    description: _Description | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class AuthSecretRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many hours the secret of before signs as well."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = 24


class AuthWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. ``failing_since``: nothing but failures since then.

    ``disabled_reason`` is ``requested``, ``failing`` (for 5 days) or ``gone`` (it answered 410).
    """

    webhook_id: UUID
    organization_id: UUID | None
    url: str
    event_types: tuple[str, ...]
    description: str
    enabled: bool
    disabled_reason: str | None
    enabled_since: Timestamp
    failing_since: Timestamp | None
    paused_until: Timestamp | None
    previous_secret_expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """The view of those who may manage it, without its secret."""
        return cls(**_told(endpoint))


class AuthWebhookWithSecret(AuthWebhook, frozen=True, kw_only=True):
    """A webhook with its new secret, which nobody can read again."""

    secret: str

    @classmethod
    def with_secret(cls, endpoint: WebhookEndpoint, secret: Secret[str]) -> Self:
        """The one answer that shows the secret."""
        return cls(**_told(endpoint), secret=secret.reveal())

    def __repr__(self) -> str:
        return f"AuthWebhookWithSecret(webhook_id={self.webhook_id!r}, secret='***')"


class AuthWebhooks(msgspec.Struct, frozen=True, kw_only=True):
    """A page of webhooks, oldest first."""

    items: tuple[AuthWebhook, ...]
    next_cursor: str | None


class AuthWebhookAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. ``error`` is a word, such as ``timeout`` or ``http_500``; null for success."""

    at: Timestamp
    milliseconds: int
    status: int | None
    error: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """One line of the log."""
        return cls(
            at=timestamp(attempt.at),
            milliseconds=attempt.milliseconds,
            status=attempt.status,
            error=attempt.error,
        )


class AuthWebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to a webhook. ``event_id`` is its header ``webhook-id``.

    ``status`` is ``waiting``, ``delivered`` or ``dead``; ``log`` has the newest attempts.
    """

    delivery_id: UUID
    event_id: UUID
    event_type: str
    status: str
    attempts: int
    queued_at: Timestamp
    next_attempt_at: Timestamp | None
    delivered_at: Timestamp | None
    dead_at: Timestamp | None
    log: tuple[AuthWebhookAttempt, ...]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """What is told of it."""
        return cls(
            delivery_id=delivery.id,
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            status=delivery.status.value,
            attempts=delivery.attempts,
            queued_at=timestamp(delivery.queued_at),
            next_attempt_at=_moment(delivery.next_attempt_at),
            delivered_at=_moment(delivery.delivered_at),
            dead_at=_moment(delivery.dead_at),
            log=tuple(AuthWebhookAttempt.of(each) for each in delivery.log),
        )


class AuthWebhookDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the delivery log, the newest first."""

    items: tuple[AuthWebhookDelivery, ...]
    next_cursor: str | None


class _Told(TypedDict):
    webhook_id: UUID
    organization_id: UUID | None
    url: str
    event_types: tuple[str, ...]
    description: str
    enabled: bool
    disabled_reason: str | None
    enabled_since: Timestamp
    failing_since: Timestamp | None
    paused_until: Timestamp | None
    previous_secret_expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


def _told(endpoint: WebhookEndpoint) -> _Told:
    return {
        "webhook_id": endpoint.id,
        "organization_id": endpoint.organization_id,
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": None if endpoint.disabled is None else endpoint.disabled.value,
        "enabled_since": timestamp(endpoint.enabled_since),
        "failing_since": _moment(endpoint.health.failing_since),
        "paused_until": _moment(endpoint.health.paused_until),
        "previous_secret_expires_at": _moment(endpoint.previous_expires_at),
        "created_at": timestamp(endpoint.created_at),
        "updated_at": timestamp(endpoint.updated_at),
    }


def _moment(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else timestamp(moment)
