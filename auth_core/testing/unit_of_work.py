"""The repositories over the database in memory, and the unit of work that holds them."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from auth_core.core import CoreUnitOfWork
from auth_core.credentials import CredentialRepository
from auth_core.kernel import (
    DomainEvent,
    OrganizationId,
    Outbox,
    UserId,
)
from auth_core.keys import Departure, KeyRepository, KeyStatus, SealedKey
from auth_core.testing.audit import InMemoryAuditLog, InMemoryAuditTrail
from auth_core.testing.credentials import InMemoryCredentialRepository
from auth_core.testing.domains import InMemoryDomainRepository
from auth_core.testing.events import InMemoryEventLog
from auth_core.testing.mail import InMemoryMailOutbox
from auth_core.testing.one_time import InMemoryOneTimeSecretRepository
from auth_core.testing.organizations import (
    InMemoryMembershipRepository,
    InMemoryOrganizationRepository,
)
from auth_core.testing.personal_data import InMemoryPersonalDataRepository
from auth_core.testing.roles import InMemoryGrantsReader, InMemoryRoleRepository
from auth_core.testing.sessions import InMemorySessionRepository
from auth_core.testing.store import InMemoryStore, Transaction
from auth_core.testing.teams import InMemoryInvitationRepository, InMemoryTeamRepository
from auth_core.testing.users import InMemoryUserRepository
from auth_core.testing.webhooks import InMemoryDeliveries, InMemoryEndpoints


class InMemoryKeyRepository:
    """Sealed keys of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lock(self) -> None:
        """Hold the place of whoever changes keys."""
        await self._transaction.statement("keys.lock")
        await self._transaction.lock("signing keys")

    async def all(self) -> list[SealedKey]:
        """Every key."""
        await self._transaction.statement("keys.all")
        return self._keys()

    async def add(self, key: SealedKey) -> bool:
        """Hold the id and the place of the active key, then see whether they are free."""
        await self._transaction.statement("keys.add")
        await self._transaction.lock(("key", key.kid))
        if key.status is KeyStatus.ACTIVE:
            await self._transaction.lock(("active key", key.use))
        for other in self._keys():
            both_active = key.status is other.status is KeyStatus.ACTIVE and key.use is other.use
            if other.kid == key.kid or both_active:
                return False
        self._transaction.keys[key.kid] = key
        self._transaction.removed_keys.discard(key.kid)
        return True

    async def update(self, key: SealedKey) -> None:
        """Replace it if it is there."""
        await self._transaction.statement("keys.update")
        if any(key.kid == other.kid for other in self._keys()):
            self._transaction.keys[key.kid] = key

    async def remove(self, kid: str, departure: Departure, at: datetime) -> None:  # noqa: ARG002
        """Move it to those that are gone."""
        await self._transaction.statement("keys.remove")
        if any(kid == key.kid for key in self._keys()):
            self._transaction.removed_keys.add(kid)
            self._transaction.departures[kid] = departure

    async def departure(self, kid: str) -> Departure | None:
        """Why it is gone, or None."""
        await self._transaction.statement("keys.departure")
        return self._transaction.departures.get(kid)

    def _keys(self) -> list[SealedKey]:
        gone = self._transaction.removed_keys
        return [key for kid, key in self._transaction.keys.items() if kid not in gone]


class InMemoryOutbox:
    """Events of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, events: Sequence[DomainEvent]) -> None:
        """Keep them until the commit."""
        await self._transaction.statement("outbox.add")
        self._transaction.events.extend(events)

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove the oldest."""
        await self._transaction.statement("outbox.sweep")
        return self._transaction.sweep_events(before, limit)


class InMemoryUnitOfWork:
    """A transaction over an `InMemoryStore`: rolls back unless committed."""

    def __init__(self, store: InMemoryStore) -> None:
        self._transaction = Transaction(store)
        self.users = InMemoryUserRepository(self._transaction)
        self.credentials = InMemoryCredentialRepository(self._transaction)
        self.sessions = InMemorySessionRepository(self._transaction)
        self.one_time_secrets = InMemoryOneTimeSecretRepository(self._transaction)
        self.keys = InMemoryKeyRepository(self._transaction)
        self.outbox = InMemoryOutbox(self._transaction)
        self.event_log = InMemoryEventLog(self._transaction)
        self.audit = InMemoryAuditTrail(self._transaction)
        self.audit_log = InMemoryAuditLog(self._transaction)
        self.personal_data = InMemoryPersonalDataRepository(self._transaction)
        self.mail = InMemoryMailOutbox(self._transaction)
        self.webhooks = InMemoryEndpoints(self._transaction)
        self.deliveries = InMemoryDeliveries(self._transaction)
        self.organizations = InMemoryOrganizationRepository(self._transaction)
        self.memberships = InMemoryMembershipRepository(self._transaction)
        self.teams = InMemoryTeamRepository(self._transaction)
        self.invitations = InMemoryInvitationRepository(self._transaction)
        self.domains = InMemoryDomainRepository(self._transaction)
        self.roles = InMemoryRoleRepository(self._transaction)
        self.grants = InMemoryGrantsReader(self._transaction)

    def for_organization(self, organization_id: OrganizationId) -> Self:  # noqa: ARG002
        """Nothing to do: no wall stands behind what the repositories ask for."""
        return self

    def for_user(self, user_id: UserId) -> Self:  # noqa: ARG002
        """As above."""
        return self

    def for_platform(self) -> Self:
        """As above."""
        return self

    async def __aenter__(self) -> Self:
        self._transaction.begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transaction.end()

    async def commit(self) -> None:
        """Make it durable, as far as memory is."""
        await self._transaction.commit()

    async def discard(self) -> None:
        """Leave it to the end of the block to forget it."""
        await self._transaction.statement("commit")


if TYPE_CHECKING:
    _credentials: type[CredentialRepository] = InMemoryCredentialRepository
    _keys: type[KeyRepository] = InMemoryKeyRepository
    _outbox: type[Outbox] = InMemoryOutbox
    _unit_of_work: type[CoreUnitOfWork] = InMemoryUnitOfWork
