"""Events of webhooks themselves."""

from auth_core.kernel import DomainEvent
from auth_core.webhooks.model import DisabledReason, EndpointId


class WebhookDisabled(DomainEvent, frozen=True, kw_only=True, tag="webhook.disabled"):
    """An endpoint gets nothing any more: it failed for days, or answered 410 Gone."""

    endpoint_id: EndpointId
    reason: DisabledReason
