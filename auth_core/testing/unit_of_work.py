"""The repositories over the database in memory, and the unit of work that holds them."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from auth_core.audit import AuditRecord, AuditTrail
from auth_core.core import CoreUnitOfWork
from auth_core.credentials import CredentialRepository
from auth_core.kernel import (
    ConcurrentUpdate,
    DomainEvent,
    Email,
    EmailTaken,
    Outbox,
    UserId,
    Username,
    UsernameTaken,
)
from auth_core.keys import Departure, KeyRepository, KeyStatus, SealedKey
from auth_core.testing.credentials import InMemoryCredentialRepository, find_user
from auth_core.testing.mail import InMemoryMailOutbox
from auth_core.testing.one_time import InMemoryOneTimeSecretRepository
from auth_core.testing.personal_data import InMemoryPersonalDataRepository
from auth_core.testing.sessions import InMemorySessionRepository
from auth_core.testing.store import InMemoryStore, Transaction
from auth_core.users import User, UserRepository


class InMemoryUserRepository:
    """Accounts of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, user: User) -> None:
        """Hold both names, so that of racing transactions the second waits for the first."""
        transaction = self._transaction
        await transaction.statement("users.add")
        await transaction.lock(user.username)
        if find_user(transaction, user.username) is not None:
            transaction.violated(UsernameTaken())
        await transaction.lock(user.email)
        if find_user(transaction, user.email) is not None:
            transaction.violated(EmailTaken())
        transaction.insert(transaction.users, user.id, user)

    async def get(self, user_id: UserId) -> User | None:
        """The account, or None."""
        await self._transaction.statement("users.get")
        return self._transaction.users.get(user_id)

    async def find(self, name: Username | Email) -> User | None:
        """The account of this name, or None."""
        await self._transaction.statement("users.find")
        return find_user(self._transaction, name)

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        """Accounts in order of id."""
        await self._transaction.statement("users.page")
        users = sorted(self._transaction.users.values(), key=lambda user: user.id)
        return [user for user in users if after is None or user.id > after][:limit]

    async def update(self, user: User) -> None:
        """Replace all but the last login, if the stored version is the one before."""
        await self._transaction.statement("users.update")
        await self._transaction.lock(user.id)
        stored = self._transaction.users.get(user.id)
        if stored is None or stored.version != user.version - 1:
            raise ConcurrentUpdate
        for name, taken in ((user.username, UsernameTaken()), (user.email, EmailTaken())):
            if name not in {stored.username, stored.email}:
                await self._transaction.lock(name)
            other = find_user(self._transaction, name)
            if other is not None and other.id != user.id:
                self._transaction.violated(taken)
        self._transaction.users[user.id] = msgspec.structs.replace(
            user, last_login_at=stored.last_login_at, epoch=stored.epoch
        )

    async def record_login(self, user_id: UserId, at: datetime, *, epoch: int) -> None:
        """Set the last login, if there is such a user in this epoch."""
        await self._transaction.statement("users.record_login")
        await self._transaction.lock(user_id)
        stored = self._transaction.users.get(user_id)
        if stored is None:
            return
        if stored.epoch != epoch:
            self._transaction.violated(ConcurrentUpdate())
        self._transaction.users[user_id] = stored.signed_in(at)

    async def begin_epoch(self, user_id: UserId) -> None:
        """Hold the account and count."""
        await self._transaction.statement("users.begin_epoch")
        await self._transaction.lock(user_id)
        stored = self._transaction.users.get(user_id)
        if stored is not None:
            self._transaction.users[user_id] = msgspec.structs.replace(
                stored, epoch=stored.epoch + 1
            )


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


class InMemoryAuditTrail:
    """Audit records of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def append(self, record: AuditRecord) -> None:
        """Keep it until the commit."""
        await self._transaction.statement("audit.append")
        self._transaction.audit.append(record)


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
        self.audit = InMemoryAuditTrail(self._transaction)
        self.personal_data = InMemoryPersonalDataRepository(self._transaction)
        self.mail = InMemoryMailOutbox(self._transaction)

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


if TYPE_CHECKING:
    _users: type[UserRepository] = InMemoryUserRepository
    _credentials: type[CredentialRepository] = InMemoryCredentialRepository
    _audit: type[AuditTrail] = InMemoryAuditTrail
    _keys: type[KeyRepository] = InMemoryKeyRepository
    _outbox: type[Outbox] = InMemoryOutbox
    _unit_of_work: type[CoreUnitOfWork] = InMemoryUnitOfWork
