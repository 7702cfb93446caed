"""Webhooks: events on their way to other services, signed, in order, at least once."""

from auth_core.webhooks.addresses import Reach, reach
from auth_core.webhooks.change import DeliveryNotFound, WebhookConflict, WebhookNotFound
from auth_core.webhooks.deliveries import TEST_TYPE, DeliveryLog
from auth_core.webhooks.dispatch import Dispatched, DispatchPolicy, WebhookDispatcher
from auth_core.webhooks.events import WebhookDisabled
from auth_core.webhooks.fan_out import WebhookFanOut
from auth_core.webhooks.model import (
    Attempt,
    CircuitPolicy,
    Delivery,
    DeliveryId,
    DeliveryStatus,
    DisabledReason,
    EndpointId,
    Health,
    Listener,
    NewDelivery,
    RetryPolicy,
    Verdict,
    WebhookEndpoint,
    WebhookFailure,
    WebhookMessage,
)
from auth_core.webhooks.patterns import parse_patterns, wants
from auth_core.webhooks.ports import (
    DeliveryQueue,
    EndpointRepository,
    Resolver,
    WebhookSender,
    WebhooksUnitOfWork,
)
from auth_core.webhooks.service import EndpointChanges, WebhookPolicy, WebhookService
from auth_core.webhooks.signing import (
    ReceivedWebhook,
    WebhookRefused,
    new_secret,
    signed_headers,
    verify,
)
from auth_core.webhooks.target import Target, parse_target, permitted
from auth_core.webhooks.vault import SecretVault
from auth_core.webhooks.webhooks import Webhooks

__all__ = [
    "TEST_TYPE",
    "Attempt",
    "CircuitPolicy",
    "Delivery",
    "DeliveryId",
    "DeliveryLog",
    "DeliveryNotFound",
    "DeliveryQueue",
    "DeliveryStatus",
    "DisabledReason",
    "DispatchPolicy",
    "Dispatched",
    "EndpointChanges",
    "EndpointId",
    "EndpointRepository",
    "Health",
    "Listener",
    "NewDelivery",
    "Reach",
    "ReceivedWebhook",
    "Resolver",
    "RetryPolicy",
    "SecretVault",
    "Target",
    "Verdict",
    "WebhookConflict",
    "WebhookDisabled",
    "WebhookDispatcher",
    "WebhookEndpoint",
    "WebhookFailure",
    "WebhookFanOut",
    "WebhookMessage",
    "WebhookNotFound",
    "WebhookPolicy",
    "WebhookRefused",
    "WebhookSender",
    "WebhookService",
    "Webhooks",
    "WebhooksUnitOfWork",
    "new_secret",
    "parse_patterns",
    "parse_target",
    "permitted",
    "reach",
    "signed_headers",
    "verify",
    "wants",
]
