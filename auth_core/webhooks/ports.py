"""What webhooks need: a place for endpoints and deliveries, somebody who sends, a resolver."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from auth_core.audit import AuditUnitOfWork
from auth_core.kernel import IpAddress, OrganizationId
from auth_core.webhooks.model import (
    Delivery,
    DeliveryId,
    EndpointId,
    Health,
    Listener,
    NewDelivery,
    Verdict,
    WebhookEndpoint,
)


class EndpointRepository(Protocol):
    """Endpoints. ``scope`` is an organization, or None for those of the platform."""

    async def add(self, endpoint: WebhookEndpoint, *, most: int) -> bool:
        """Store a new endpoint unless its scope has ``most`` already; says whether it did.

        Racing callers do not get past ``most``.
        """
        ...

    async def get(
        self, scope: OrganizationId | None, endpoint_id: EndpointId, *, lock: bool = False
    ) -> WebhookEndpoint | None:
        """The endpoint, or None if ``scope`` has none like it; ``lock``: nobody else changes it."""
        ...

    async def page(
        self, scope: OrganizationId | None, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        """Endpoints of one scope, oldest first, those after ``after``."""
        ...

    async def update(self, endpoint: WebhookEndpoint) -> None:
        """Store url, types, description, secrets, ``disabled``, ``enabled_since``, ``updated_at``.

        Not its health, nor when it is due. A no-op when it is gone.
        """
        ...

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove an endpoint with all of its deliveries. A no-op when it is gone."""
        ...

    async def all(
        self, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        """Endpoints of every scope in the order of their ids, those after ``after``."""
        ...

    async def listeners(self, organizations: Collection[OrganizationId]) -> list[Listener]:
        """The enabled endpoints of the platform and of these organizations."""
        ...

    async def wake(self, endpoint_id: EndpointId, now: datetime) -> None:
        """Begin with a clean health and make what waits due at ``now``."""
        ...


class DeliveryQueue(Protocol):
    """Deliveries, each endpoint a queue of its own.

    Of those of one endpoint and subject that are not over, only the first is ever due.
    """

    async def enqueue(self, deliveries: Sequence[NewDelivery]) -> int:
        """Store those whose endpoint is there and has not had their message; returns how many.

        Those of one subject stay in the order of the sequence, behind all that were stored before.
        """
        ...

    async def lease(self, now: datetime, until: datetime) -> WebhookEndpoint | None:
        """Take the enabled endpoint that has been due for longest, or None.

        Nobody else gets it before ``until``; racing callers get different ones, and none waits.
        """
        ...

    async def take(
        self, endpoint: WebhookEndpoint, now: datetime, until: datetime, limit: int
    ) -> list[Delivery]:
        """Up to ``limit`` due deliveries of a leased endpoint, counting an attempt on each.

        At most one of each subject. They are due again at ``until`` unless they are settled.
        """
        ...

    async def settle(
        self,
        endpoint: WebhookEndpoint,
        verdicts: Sequence[Verdict],
        health: Health,
        now: datetime,
    ) -> bool:
        """Record what became of taken deliveries, and give the endpoint back.

        The next one of a subject whose first is over is due now. Each verdict stands only if its
        delivery was not taken again since; health only if the endpoint is still leased as it was.
        Returns whether it is.
        """
        ...

    async def find(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery | None:
        """The delivery, or None if the endpoint has none like it."""
        ...

    async def page(
        self,
        endpoint_id: EndpointId,
        *,
        dead: bool = False,
        before: DeliveryId | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Deliveries of one endpoint, newest first, those older than ``before``.

        ``dead``: only those that were given up.
        """
        ...

    async def again(self, endpoint_id: EndpointId, delivery_id: DeliveryId, now: datetime) -> bool:
        """Queue a delivery that is over once more, with its age counted from ``now``.

        False when there is none that is over. It goes before what waits of its subject.
        """
        ...

    async def waiting(self) -> int:
        """How many are not over, of all endpoints, disabled ones included."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` deliveries that were made before ``before`` and wait for nothing.

        They are over, or their endpoint is disabled. Returns how many. Rows that others hold are
        left for the next time.
        """
        ...


class WebhooksUnitOfWork(AuditUnitOfWork, Protocol):
    """A transaction over endpoints and deliveries."""

    @property
    def webhooks(self) -> EndpointRepository:
        """The endpoints, as this transaction sees them."""
        ...

    @property
    def deliveries(self) -> DeliveryQueue:
        """The deliveries, as this transaction sees them."""
        ...


class Resolver(Protocol):
    """Asks for the addresses of names."""

    async def resolve(self, host: str) -> Sequence[IpAddress]:
        """All addresses of a name, best first. Raises WebhookFailure when there is none."""
        ...


class WebhookSender(Protocol):
    """Hands messages to receivers."""

    async def check(self, url: str) -> None:
        """Refuse a URL that nothing would be sent to now.

        Raises InvalidInput: a bad URL, a name without address, or with one that is not public.
        """
        ...

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """POST once, in bounded time, following no redirect; returns the HTTP status.

        Raises WebhookFailure, also for an address that is not public (SEC-64). After it, and after
        a cancellation, the receiver may have it all the same.
        """
        ...
