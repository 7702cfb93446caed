"""All of webhooks, put together from ports."""

from collections.abc import Callable

from auth_core.events import EventSource
from auth_core.kernel import NO_METRICS, Clock, Entropy, Ids, Metrics
from auth_core.keys import Sealer
from auth_core.webhooks.deliveries import DeliveryLog
from auth_core.webhooks.dispatch import DispatchPolicy, WebhookDispatcher
from auth_core.webhooks.fan_out import WebhookFanOut
from auth_core.webhooks.ports import WebhookSender, WebhooksUnitOfWork
from auth_core.webhooks.service import WebhookPolicy, WebhookService
from auth_core.webhooks.vault import SecretVault


class Webhooks:
    """One attribute for each concern."""

    def __init__(
        self,
        unit_of_work: Callable[[], WebhooksUnitOfWork],
        sealer: Sealer,
        sender: WebhookSender,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        *,
        source: EventSource,
        policy: WebhookPolicy,
        dispatch: DispatchPolicy,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        shared = (unit_of_work, SecretVault(sealer), sender, clock, ids, entropy)
        self.endpoints = WebhookService(*shared, policy)
        self.log = DeliveryLog(unit_of_work, clock, ids, source, policy)
        self.fan_out = WebhookFanOut(unit_of_work, clock, ids)
        """A publisher of the relay of events."""
        self.dispatcher = WebhookDispatcher(*shared, dispatch, metrics=metrics)

    async def rewrap(self) -> int:
        """Seal every secret anew that is not sealed under the current master key; how many."""
        return await self.endpoints.rewrap()
