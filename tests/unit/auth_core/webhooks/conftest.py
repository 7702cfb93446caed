"""Webhooks over a store in memory, with receivers and a clock in the test's hand."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from auth_core.events import EventSource
from auth_core.kernel import EventId, OrganizationId, Secret
from auth_core.testing import (
    DeterministicIds,
    InMemoryMetrics,
    InMemoryReceivers,
    InMemoryStore,
    InMemoryUnitOfWork,
    ManualClock,
    SeededEntropy,
    ToySealer,
)
from auth_core.webhooks import (
    Delivery,
    DeliveryLog,
    Dispatched,
    DispatchPolicy,
    SecretVault,
    WebhookDispatcher,
    WebhookEndpoint,
    WebhookFanOut,
    WebhookMessage,
    WebhookPolicy,
    WebhookService,
)


class World:
    """Everything of webhooks, and what a test looks at."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.clock = ManualClock()
        self.entropy = SeededEntropy("webhooks")
        self.ids = DeterministicIds(self.clock, self.entropy)
        self.sealer = ToySealer(Secret(b"a master key"), self.entropy)
        self.vault = SecretVault(self.sealer)
        self.receivers = InMemoryReceivers()
        self.policy = WebhookPolicy(most_endpoints=3)
        self.service = WebhookService(
            *(self.unit_of_work, self.vault, self.receivers),
            *(self.clock, self.ids, self.entropy, self.policy),
        )
        self.source = EventSource(
            uri="https://auth.example", schemas="https://auth.example/schemas"
        )
        self.log = DeliveryLog(self.unit_of_work, self.clock, self.ids, self.source, self.policy)
        self.fan_out = WebhookFanOut(self.unit_of_work, self.clock, self.ids)
        self.told: list[Dispatched] = []
        self.metrics = InMemoryMetrics()
        self.dispatcher = self.new_dispatcher()

    def unit_of_work(self) -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(self.store)

    def new_dispatcher(self, policy: DispatchPolicy | None = None) -> WebhookDispatcher:
        """What sends, and another process that does."""
        dispatcher = WebhookDispatcher(
            *(self.unit_of_work, self.vault, self.receivers),
            *(self.clock, self.ids, self.entropy, policy or DispatchPolicy(look_seconds=0.001)),
            metrics=self.metrics,
        )
        dispatcher.told = self.told.append
        return dispatcher

    async def endpoint(
        self,
        url: str = "https://receiver.example/",
        *types: str,
        scope: OrganizationId | None = None,
    ) -> WebhookEndpoint:
        endpoint, self.secret = await self.service.create(
            scope, url=url, event_types=types or ("*",)
        )
        return endpoint

    def message(
        self,
        subject: str = "a",
        type: str = "user.updated",  # noqa: A002
        organization_id: OrganizationId | None = None,
    ) -> WebhookMessage:
        event_id = EventId(self.ids.uuid())
        return WebhookMessage(
            id=event_id,
            type=type,
            subject=subject,
            organization_id=organization_id,
            occurred_at=self.clock.now(),
            body=f'{{"id":"{event_id}"}}',
        )

    async def spread(self, *messages: WebhookMessage) -> Sequence[WebhookMessage]:
        await self.fan_out.spread(messages)
        return messages

    def received(self, url: str | None = None) -> list[str]:
        """The message ids that receivers have taken, in order."""
        return [
            headers["webhook-id"]
            for where, headers, _ in self.receivers.received
            if url in {None, where}
        ]

    def deliveries(self, endpoint: WebhookEndpoint) -> list[Delivery]:
        rows = sorted(self.store.webhook_deliveries.values(), key=lambda row: row[0])
        return [delivery for _, delivery in rows if delivery.endpoint_id == endpoint.id]

    def stored(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        return self.store.webhook_endpoints[endpoint.id]

    def audited(self) -> list[str]:
        return [record.action.value for record in self.store.audit]

    async def pass_time(self, whole: timedelta, *, step: timedelta = timedelta(minutes=1)) -> None:
        """Let the dispatcher run again and again until ``whole`` has passed."""
        end = self.clock.now() + whole
        while self.clock.now() < end:
            await self.dispatcher.run()
            self.clock.advance(step)


@pytest.fixture
def world() -> World:
    return World()
