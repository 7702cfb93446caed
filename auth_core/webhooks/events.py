"""Events of webhooks themselves."""

from auth_core.kernel import DomainEvent
from auth_core.webhooks.model import DisabledReason, EndpointId


class WebhookDisabled(DomainEvent, frozen=True, kw_only=True, tag="webhook.disabled"):
    """An endpoint gets nothing any more: it failed for days, or answered 410 Gone."""

    endpoint_id: EndpointId
    reason: DisabledReason


class WebhookTest(DomainEvent, frozen=True, kw_only=True, tag="webhook.test"):
    """Sent to one endpoint on command, and told nobody else."""

    user_id: None = None
    endpoint_id: EndpointId
