"""The small ports that every feature shares."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from auth_core.kernel.events import DomainEvent
from auth_core.kernel.ids import OrganizationId, UserId


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...


class Ids(Protocol):
    """The only source of identifiers."""

    def uuid(self) -> UUID:
        """A new UUIDv7. Two calls never return the same value, in any process."""
        ...


class Entropy(Protocol):
    """The only source of randomness."""

    def token_bytes(self, size: int) -> bytes:
        """``size`` bytes from a cryptographically secure generator."""
        ...


class Outbox(Protocol):
    """Events on their way out. They leave only if the unit of work that recorded them commits."""

    async def add(self, events: Sequence[DomainEvent]) -> None:
        """Record events in the current transaction, in this order."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` events that happened before ``before``; returns how many.

        Rows that others hold are left for the next time.
        """
        ...


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without `commit` rolls everything back.

    Reads before the first write may run outside the transaction (READ COMMITTED shows each
    statement the newest committed state anyway). An instance is used once, by one task.
    """

    @property
    def outbox(self) -> Outbox:
        """Where events of this transaction are recorded."""
        ...

    def for_organization(self, organization_id: OrganizationId) -> Self:
        """Work on the rows of this tenant from here on, in place of another one's.

        Rows of tenants are hidden, and refused, from a unit of work that was given neither this
        nor `for_user` nor `for_platform`, and each of them adds to what the others show. Called
        before the block or inside it, by whoever has decided that the caller may: repositories
        still name the tenant in their statements, this is the wall behind them.
        """
        ...

    def for_user(self, user_id: UserId) -> Self:
        """Work on this person's memberships, and read the organizations that they lead to."""
        ...

    def for_platform(self) -> Self:
        """Work on the rows of all tenants: for work of the platform's own, never a tenant's."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def commit(self) -> None:
        """Make everything of this block durable, or raise Unavailable and leave nothing."""
        ...
