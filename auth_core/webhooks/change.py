"""What every change of a webhook does: find it in its scope, and leave a record."""

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import (
    Clock,
    Conflict,
    EventId,
    Ids,
    NotFound,
    OrganizationId,
    UserId,
    current_actor,
)
from auth_core.webhooks.model import EndpointId, WebhookEndpoint
from auth_core.webhooks.ports import WebhooksUnitOfWork


class WebhookNotFound(NotFound):
    """No such endpoint, or not in this scope."""

    code = "webhook_not_found"
    default_message = "There is no such webhook."


class DeliveryNotFound(NotFound):
    """No such delivery, or its time is over."""

    code = "delivery_not_found"
    default_message = "There is no such delivery. It may be too old."


class WebhookConflict(Conflict):
    """What the endpoint or the delivery is does not allow it."""

    code = "webhook_conflict"
    default_message = "The webhook does not allow that now."


class WebhookTrail:
    """Appends to the audit trail in the transaction of the change (SEC-66)."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    async def append(
        self,
        uow: WebhooksUnitOfWork,
        action: AuditAction,
        endpoint: WebhookEndpoint,
        actor: UserId | None,
        more: str = "",
    ) -> None:
        """Record what ``actor`` did; whoever acts in their name comes first."""
        await uow.audit.append(
            AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=self._clock.now(),
                action=action,
                reason="requested",
                user_id=None,
                actor_id=current_actor() or actor,
                organization_id=endpoint.organization_id,
                detail=f"{endpoint.id} {more}".rstrip(),
            )
        )


def within(uow: WebhooksUnitOfWork, scope: OrganizationId | None) -> WebhooksUnitOfWork:
    """The unit of work for this organization's webhooks; None: for the platform's own."""
    return uow.for_platform() if scope is None else uow.for_organization(scope)


async def found(
    uow: WebhooksUnitOfWork,
    scope: OrganizationId | None,
    endpoint_id: EndpointId,
    *,
    lock: bool = False,
) -> WebhookEndpoint:
    """The endpoint. Raises WebhookNotFound, also for one of another scope."""
    endpoint = await uow.webhooks.get(scope, endpoint_id, lock=lock)
    if endpoint is None:
        raise WebhookNotFound
    return endpoint
