"""Webhooks in memory: endpoints and deliveries of one transaction."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from auth_core.kernel import Conflict, OrganizationId
from auth_core.testing.store import Transaction
from auth_core.webhooks import (
    Delivery,
    DeliveryId,
    DeliveryQueue,
    EndpointId,
    EndpointRepository,
    Health,
    Listener,
    NewDelivery,
    Verdict,
    WebhookEndpoint,
)

_CHANGEABLE = (
    *("url", "event_types", "description", "sealed_secret", "sealed_previous_secret"),
    *("previous_expires_at", "disabled", "enabled_since", "updated_at"),
)


class _Table:
    """What both repositories do with rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def _locked(self, endpoint_id: EndpointId) -> WebhookEndpoint | None:
        await self._transaction.lock(("webhook", endpoint_id))
        return self._transaction.webhook_endpoints.get(endpoint_id)

    def _change(self, endpoint_id: EndpointId, **changes: Any) -> None:
        endpoints = self._transaction.webhook_endpoints
        endpoints[endpoint_id] = msgspec.structs.replace(endpoints[endpoint_id], **changes)

    def _rows(self, endpoint_id: EndpointId) -> list[tuple[int, Delivery]]:
        rows = self._transaction.webhook_deliveries.values()
        theirs = [row for row in rows if row[1].endpoint_id == endpoint_id]
        return sorted(theirs, key=lambda row: row[0])

    def _store(self, position: int, delivery: Delivery) -> None:
        self._transaction.webhook_deliveries[delivery.id] = (position, delivery)

    def _heads(self, endpoint_id: EndpointId) -> list[tuple[int, Delivery]]:
        """The first of each subject of those that are not over."""
        heads: dict[str, tuple[int, Delivery]] = {}
        for row in self._rows(endpoint_id):
            if _open(row[1]):
                heads.setdefault(row[1].subject, row)
        return list(heads.values())


class InMemoryEndpoints(_Table):
    """Endpoints of one transaction."""

    async def add(self, endpoint: WebhookEndpoint, *, most: int) -> bool:
        """Count and store, one caller of a scope at a time."""
        await self._transaction.statement("webhooks.add")
        await self._transaction.lock(("webhooks of", endpoint.organization_id))
        if len(self._of(endpoint.organization_id)) >= most:
            return False
        if endpoint.id in self._transaction.webhook_endpoints:
            self._transaction.violated(Conflict())
        self._transaction.webhook_endpoints[endpoint.id] = endpoint
        return True

    async def get(
        self, scope: OrganizationId | None, endpoint_id: EndpointId, *, lock: bool = False
    ) -> WebhookEndpoint | None:
        """The endpoint, if it is of ``scope``."""
        await self._transaction.statement("webhooks.get")
        found = self._transaction.webhook_endpoints.get(endpoint_id)
        if found is not None and lock:
            found = await self._locked(endpoint_id)
        return found if found is not None and found.organization_id == scope else None

    async def page(
        self, scope: OrganizationId | None, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        """Those of one scope."""
        await self._transaction.statement("webhooks.page")
        return _after(self._of(scope), after)[:limit]

    async def update(self, endpoint: WebhookEndpoint) -> None:
        """Replace what people decide."""
        await self._transaction.statement("webhooks.update")
        if await self._locked(endpoint.id) is not None:
            self._change(endpoint.id, **{name: getattr(endpoint, name) for name in _CHANGEABLE})

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove it and its deliveries."""
        await self._transaction.statement("webhooks.remove")
        await self._locked(endpoint_id)
        transaction = self._transaction
        theirs = [delivery.id for _, delivery in self._rows(endpoint_id)]
        await transaction.delete(transaction.webhook_deliveries, theirs)
        await transaction.delete(transaction.webhook_endpoints, [endpoint_id])

    async def all(
        self, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        """Those of every scope."""
        await self._transaction.statement("webhooks.all")
        every = self._transaction.webhook_endpoints.values()
        return _after(every, after)[:limit]

    async def listeners(self, organizations: Collection[OrganizationId]) -> list[Listener]:
        """Those that may want something."""
        await self._transaction.statement("webhooks.listeners")
        scopes = {None, *organizations}
        return [
            Listener(each.id, each.organization_id, each.event_types, each.enabled_since)
            for each in self._transaction.webhook_endpoints.values()
            if each.enabled and each.organization_id in scopes
        ]

    async def wake(self, endpoint_id: EndpointId, now: datetime) -> None:
        """Forget its failures."""
        await self._transaction.statement("webhooks.wake")
        if await self._locked(endpoint_id) is None:
            return
        self._change(endpoint_id, health=Health(), due_at=now)
        for position, delivery in self._heads(endpoint_id):
            self._store(position, msgspec.structs.replace(delivery, next_attempt_at=now))

    def _of(self, scope: OrganizationId | None) -> list[WebhookEndpoint]:
        every = self._transaction.webhook_endpoints.values()
        return [each for each in every if each.organization_id == scope]


class InMemoryDeliveries(_Table):
    """Deliveries of one transaction."""

    async def enqueue(self, deliveries: Sequence[NewDelivery]) -> int:
        """Add what is new to the end of its queue."""
        await self._transaction.statement("deliveries.enqueue")
        queued = 0
        for endpoint_id in sorted({each.endpoint_id for each in deliveries}):
            if await self._locked(endpoint_id) is None:
                continue
            theirs = [each for each in deliveries if each.endpoint_id == endpoint_id]
            queued += sum([self._queue(each) for each in theirs])
        return queued

    def _queue(self, new: NewDelivery) -> bool:
        rows = [delivery for _, delivery in self._rows(new.endpoint_id)]
        if any(delivery.event_id == new.message.id for delivery in rows):
            return False
        waits = any(_open(each) and each.subject == new.message.subject for each in rows)
        self._store(
            self._transaction.next_position(),
            Delivery(
                id=new.id,
                endpoint_id=new.endpoint_id,
                event_id=new.message.id,
                event_type=new.message.type,
                subject=new.message.subject,
                body=new.message.body,
                queued_at=new.queued_at,
                next_attempt_at=None if waits else new.queued_at,
            ),
        )
        if not waits:
            self._hurry(new.endpoint_id, new.queued_at)
        return True

    async def lease(self, now: datetime, until: datetime) -> WebhookEndpoint | None:
        """Take one that nobody holds."""
        await self._transaction.statement("deliveries.lease")
        due = [
            each
            for each in self._transaction.webhook_endpoints.values()
            if each.enabled
            and each.due_at is not None
            and each.due_at <= now
            and (each.leased_until is None or each.leased_until <= now)
            and self._transaction.is_free(("webhook", each.id))
        ]
        for endpoint in sorted(due, key=lambda each: (each.due_at, each.id))[:1]:
            await self._locked(endpoint.id)
            self._change(endpoint.id, leased_until=until)
            return self._transaction.webhook_endpoints[endpoint.id]
        return None

    async def take(
        self, endpoint: WebhookEndpoint, now: datetime, until: datetime, limit: int
    ) -> list[Delivery]:
        """Take the first of each subject that is due."""
        await self._transaction.statement("deliveries.take")
        taken: list[Delivery] = []
        for position, delivery in self._heads(endpoint.id):
            due = delivery.next_attempt_at
            if due is None or due > now or len(taken) == limit:
                continue
            taken.append(
                msgspec.structs.replace(
                    delivery, next_attempt_at=until, attempts=delivery.attempts + 1
                )
            )
            self._store(position, taken[-1])
        return taken

    async def settle(
        self,
        endpoint: WebhookEndpoint,
        verdicts: Sequence[Verdict],
        health: Health,
        now: datetime,
    ) -> bool:
        """Write down what became of them, and who is next."""
        await self._transaction.statement("deliveries.settle")
        current = await self._locked(endpoint.id)
        if current is None:
            return False
        standing = current.leased_until == endpoint.leased_until
        if standing:
            self._change(endpoint.id, health=health, leased_until=None)
        for verdict in verdicts:
            self._judge(verdict, now)
        for position, delivery in self._heads(endpoint.id):
            if delivery.next_attempt_at is None:
                self._store(position, msgspec.structs.replace(delivery, next_attempt_at=now))
        self._look_again(endpoint.id)
        return standing

    def _judge(self, verdict: Verdict, now: datetime) -> None:
        row = self._transaction.webhook_deliveries.get(verdict.delivery.id)
        if row is None or not _open(row[1]) or row[1].attempts != verdict.delivery.attempts:
            return
        position, delivery = row
        changed = msgspec.structs.replace(
            delivery, log=verdict.log, next_attempt_at=verdict.again_at
        )
        if verdict.over:
            moment = {"delivered_at" if verdict.delivered else "dead_at": now}
            changed = _over(changed, **moment)
        self._store(position, changed)

    async def find(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery | None:
        """The delivery, if it is the endpoint's."""
        await self._transaction.statement("deliveries.find")
        row = self._transaction.webhook_deliveries.get(delivery_id)
        return row[1] if row is not None and row[1].endpoint_id == endpoint_id else None

    async def page(
        self,
        endpoint_id: EndpointId,
        *,
        dead: bool = False,
        before: DeliveryId | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Newest first."""
        await self._transaction.statement("deliveries.page")
        rows = self._rows(endpoint_id)
        found = [delivery for _, delivery in rows if delivery.dead_at is not None or not dead]
        older = [each for each in found if before is None or each.id < before]
        return sorted(older, key=lambda each: each.id, reverse=True)[:limit]

    async def again(self, endpoint_id: EndpointId, delivery_id: DeliveryId, now: datetime) -> bool:
        """Put it back."""
        await self._transaction.statement("deliveries.again")
        await self._locked(endpoint_id)
        row = self._transaction.webhook_deliveries.get(delivery_id)
        if row is None or row[1].endpoint_id != endpoint_id or _open(row[1]):
            return False
        position, delivery = row
        self._store(
            position,
            msgspec.structs.replace(
                delivery, queued_at=now, next_attempt_at=now, delivered_at=None, dead_at=None
            ),
        )
        self._hurry(endpoint_id, now)
        return True

    async def waiting(self) -> int:
        """Count them."""
        await self._transaction.statement("deliveries.waiting")
        return sum(_open(each) for _, each in self._transaction.webhook_deliveries.values())

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove the oldest."""
        await self._transaction.statement("deliveries.sweep")
        rows = self._transaction.webhook_deliveries
        endpoints = self._transaction.webhook_endpoints
        over = sorted(
            each.id
            for _, each in rows.values()
            if _made_before(each.id, before)
            and not (_open(each) and endpoints[each.endpoint_id].enabled)
        )
        return await self._transaction.delete(rows, over[:limit])

    def _hurry(self, endpoint_id: EndpointId, now: datetime) -> None:
        endpoint = self._transaction.webhook_endpoints[endpoint_id]
        due = max(now, endpoint.health.paused_until or now)
        if endpoint.due_at is None or endpoint.due_at > due:
            self._change(endpoint_id, due_at=due)

    def _look_again(self, endpoint_id: EndpointId) -> None:
        times = [each.next_attempt_at for _, each in self._heads(endpoint_id)]
        due = min((each for each in times if each is not None), default=None)
        paused_until = self._transaction.webhook_endpoints[endpoint_id].health.paused_until
        if due is not None and paused_until is not None:
            due = max(due, paused_until)
        self._change(endpoint_id, due_at=due)


def _after(endpoints: Iterable[WebhookEndpoint], after: EndpointId | None) -> list[WebhookEndpoint]:
    chosen = (each for each in endpoints if after is None or each.id > after)
    return sorted(chosen, key=lambda each: each.id)


def _open(delivery: Delivery) -> bool:
    return delivery.delivered_at is None and delivery.dead_at is None


def _over(delivery: Delivery, **moment: datetime) -> Delivery:
    return msgspec.structs.replace(delivery, next_attempt_at=None, **moment)


def _made_before(delivery_id: DeliveryId, before: datetime) -> bool:
    return delivery_id.int >> 80 < int(before.timestamp() * 1000)


if TYPE_CHECKING:
    _endpoints: type[EndpointRepository] = InMemoryEndpoints
    _deliveries: type[DeliveryQueue] = InMemoryDeliveries
