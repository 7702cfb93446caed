"""Endpoints, deliveries, and what becomes of them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

import msgspec

from auth_core.kernel import EventId, OrganizationId

EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)

LOG_MAX = 50
"""Attempts that a delivery remembers; more than fit into a day of retries."""
_MOST_DOUBLINGS = 20


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing."""

    REQUESTED = "requested"
    FAILING = "failing"
    """Nothing but failures for days."""
    GONE = "gone"
    """It answered 410 Gone."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint has fared: ``consecutive_failures`` since ``failing_since``.

    Until ``paused_until`` it is left alone (the circuit is open); then one delivery tries it.
    """

    consecutive_failures: int = 0
    failing_since: datetime | None = None
    paused_until: datetime | None = None


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver. ``organization_id`` None: one of the platform, which gets everybody's events.

    Secrets are sealed; the previous one signs as well until ``previous_expires_at``.
    """

    id: EndpointId
    organization_id: OrganizationId | None
    url: str
    event_types: tuple[str, ...]
    description: str
    sealed_secret: bytes
    created_at: datetime
    updated_at: datetime
    enabled_since: datetime
    """It gets what happened then or later: nothing from before it was made, or while disabled."""
    sealed_previous_secret: bytes | None = None
    previous_expires_at: datetime | None = None
    disabled: DisabledReason | None = None
    health: Health = Health()
    due_at: datetime | None = None
    """When somebody should look what there is to send; None while there is nothing."""
    leased_until: datetime | None = None
    """Until then one dispatcher has it for itself."""

    @property
    def enabled(self) -> bool:
        """Whether it gets events."""
        return self.disabled is None

    def __repr__(self) -> str:  # what stands in a URL may be a secret of the receiver
        return f"WebhookEndpoint(id={self.id!r})"


class Listener(msgspec.Struct, frozen=True):
    """As much of an enabled endpoint as decides about what it gets."""

    id: EndpointId
    organization_id: OrganizationId | None
    event_types: tuple[str, ...]
    since: datetime


class WebhookMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An event as receivers get it. Messages of one subject arrive in their order."""

    id: EventId
    type: str
    subject: str
    organization_id: OrganizationId | None
    occurred_at: datetime
    body: str
    """CloudEvents 1.0 JSON; it names people by ids only."""


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one endpoint."""

    id: DeliveryId
    endpoint_id: EndpointId
    message: WebhookMessage
    queued_at: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the delivery log: never anything of what the receiver answered."""

    at: datetime
    milliseconds: int
    status: int | None = None
    """The HTTP status; None when there was no answer."""
    error: str | None = None
    """What went wrong, as a word: ``timeout``, ``http_500``; None for success."""


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it is stored."""

    id: DeliveryId
    endpoint_id: EndpointId
    event_id: EventId
    event_type: str
    subject: str
    body: str
    queued_at: datetime
    next_attempt_at: datetime | None
    """None once it is over, and while an earlier one of its subject is on its way."""
    attempts: int = 0
    log: tuple[Attempt, ...] = ()
    """The newest attempts, oldest first."""
    delivered_at: datetime | None = None
    dead_at: datetime | None = None

    @property
    def status(self) -> DeliveryStatus:
        """Where it stands."""
        if self.delivered_at is not None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.WAITING if self.dead_at is None else DeliveryStatus.DEAD

    def __repr__(self) -> str:
        return f"Delivery(id={self.id!r}, event_type={self.event_type!r})"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a delivery that failed is tried again."""

    first_delay: timedelta = timedelta(seconds=10)
    longest_delay: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(hours=24)
    """Age at which a delivery that fails again is dead."""
    jitter: float = 0.2
    """How much of a delay is left to chance, so that what failed together does not return so."""

    def next_attempt(
        self, delivery: Delivery, now: datetime, *, chance: float = 0.0
    ) -> datetime | None:
        """When it is due again after another failure at ``now``, or None: give up.

        ``first_delay`` after the first attempt, then twice as long each time up to
        ``longest_delay``; ``chance`` from 0 to 1 takes up to ``jitter`` off.
        """
        if now - delivery.queued_at >= self.give_up_after:
            return None
        tries = sum(attempt.at >= delivery.queued_at for attempt in delivery.log)
        delay: timedelta = self.first_delay * (1 << min(tries, _MOST_DOUBLINGS))
        return now + min(delay, self.longest_delay) * (1 - self.jitter * chance)


class CircuitPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When an endpoint that fails is left alone."""

    failures: int = 5
    """In a row, over all of its deliveries; from then on one attempt at a time."""
    first_pause: timedelta = timedelta(seconds=30)
    longest_pause: timedelta = timedelta(minutes=10)
    disable_after: timedelta = timedelta(days=5)
    """An endpoint that has done nothing but fail for so long is disabled."""

    def is_open(self, health: Health) -> bool:
        """Whether it has failed too often to be trusted with more than one delivery."""
        return health.consecutive_failures >= self.failures

    def after(self, health: Health, now: datetime, *, failed: bool) -> Health:
        """The health after one more attempt."""
        if not failed:
            return Health()
        failures = health.consecutive_failures + 1
        paused_until = health.paused_until
        if failures >= self.failures:
            doublings = min(failures - self.failures, _MOST_DOUBLINGS)
            pause: timedelta = self.first_pause * (1 << doublings)
            paused_until = now + min(pause, self.longest_pause)
        return Health(
            consecutive_failures=failures,
            failing_since=health.failing_since or now,
            paused_until=paused_until,
        )


class WebhookFailure(Exception):
    """A delivery was not taken. ``reason`` is a word that names nobody: ``timeout``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a delivery after an attempt: over, or due again at ``again_at``."""

    delivery: Delivery
    attempt: Attempt
    again_at: datetime | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.attempt.error is None

    @property
    def over(self) -> bool:
        """Whether it is not tried any more."""
        return self.again_at is None

    @property
    def log(self) -> tuple[Attempt, ...]:
        """The log with this attempt."""
        return (*self.delivery.log, self.attempt)[-LOG_MAX:]
