"""Accounts in memory."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import (
    ConcurrentUpdate,
    Email,
    EmailTaken,
    OrganizationId,
    UserId,
    Username,
    UsernameTaken,
)
from auth_core.testing.store import Transaction
from auth_core.users import User, UserQuery, UserRepository


class InMemoryUserRepository:
    """Accounts of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, user: User) -> None:
        """Hold both names, so that of racing transactions the second waits for the first."""
        transaction = self._transaction
        await transaction.statement("users.add")
        await transaction.lock(user.username)
        if found(transaction, user.username) is not None:
            transaction.violated(UsernameTaken())
        await transaction.lock(user.email)
        if found(transaction, user.email) is not None:
            transaction.violated(EmailTaken())
        transaction.insert(transaction.users, user.id, user)

    async def get(self, user_id: UserId) -> User | None:
        """The account, or None."""
        await self._transaction.statement("users.get")
        return self._transaction.users.get(user_id)

    async def find(self, name: Username | Email) -> User | None:
        """The account of this name, or None."""
        await self._transaction.statement("users.find")
        return found(self._transaction, name)

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        """Accounts in order of id."""
        await self._transaction.statement("users.page")
        users = sorted(self._transaction.users.values(), key=lambda user: user.id)
        return [user for user in users if after is None or user.id > after][:limit]

    async def search(
        self, query: UserQuery, *, after: UserId | None = None, limit: int = 100
    ) -> list[User]:
        """Those that it finds, in order of id."""
        await self._transaction.statement("users.search")
        users = sorted(self._matching(query), key=lambda user: user.id)
        return [user for user in users if after is None or user.id > after][:limit]

    async def count(self, query: UserQuery) -> int:
        """All that it finds."""
        await self._transaction.statement("users.count")
        return len(self._matching(query))

    async def hold_administrators(self, but: UserId) -> bool:
        """Hold the place of whoever takes one away, then look."""
        await self._transaction.statement("users.hold_administrators")
        await self._transaction.lock("administrators")
        users = self._transaction.users.values()
        return any(user.administrates for user in users if user.id != but)

    def _matching(self, query: UserQuery) -> list[User]:
        return [
            user
            for user in self._transaction.users.values()
            if (query.prefix is None or _begins(user, query.prefix.lower()))
            and (query.statuses is None or user.status in query.statuses)
            and (query.role is None or query.role in user.roles)
        ]

    async def update(self, user: User) -> None:
        """Replace all that a profile is, if the stored version is the one before."""
        await self._transaction.statement("users.update")
        await self._transaction.lock(user.id)
        stored = self._transaction.users.get(user.id)
        if stored is None or stored.version != user.version - 1:
            raise ConcurrentUpdate
        for name, taken in ((user.username, UsernameTaken()), (user.email, EmailTaken())):
            if name not in {stored.username, stored.email}:
                await self._transaction.lock(name)
            other = found(self._transaction, name)
            if other is not None and other.id != user.id:
                self._transaction.violated(taken)
        self._transaction.users[user.id] = msgspec.structs.replace(
            user,
            last_login_at=stored.last_login_at,
            epoch=stored.epoch,
            organization_id=stored.organization_id,
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

    async def remember_organization(
        self, user_id: UserId, organization_id: OrganizationId | None
    ) -> None:
        """Set it, unless somebody holds the account."""
        await self._transaction.statement("users.remember_organization")
        stored = self._transaction.users.get(user_id)
        if stored is None or not self._transaction.is_free(user_id):
            return
        await self._transaction.lock(user_id)
        self._transaction.users[user_id] = msgspec.structs.replace(
            stored, organization_id=organization_id
        )

    async def begin_epoch(self, user_id: UserId) -> None:
        """Hold the account and count."""
        await self._transaction.statement("users.begin_epoch")
        await self._transaction.lock(user_id)
        stored = self._transaction.users.get(user_id)
        if stored is not None:
            self._transaction.users[user_id] = msgspec.structs.replace(
                stored, epoch=stored.epoch + 1
            )


def found(transaction: Transaction, name: Username | Email) -> User | None:
    """The account of this name, as ``transaction`` sees it."""
    users = transaction.users.values()
    if isinstance(name, Username):
        return next((user for user in users if user.username == name), None)
    return next((user for user in users if user.email == name), None)


def _begins(user: User, prefix: str) -> bool:
    names = (user.username.value, user.email.value, user.display_name.lower())
    return any(name.startswith(prefix) for name in names)


if TYPE_CHECKING:
    _: type[UserRepository] = InMemoryUserRepository
