"""What users need from storage."""

from datetime import datetime
from typing import Protocol

import msgspec

from auth_core.kernel import Email, OrganizationId, UnitOfWork, UserId, Username
from auth_core.users.model import User, UserStatus


class UserQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts; what is None does not matter.

    ``prefix``: how the user name, the address or the display name begins, in any letter case.
    """

    prefix: str | None = None
    statuses: frozenset[UserStatus] | None = None
    role: str | None = None


EVERYBODY = UserQuery()


class UserRepository(Protocol):
    """Accounts by id and by their canonical names, which are unique."""

    async def add(self, user: User) -> None:
        """Store a new account. Raises UsernameTaken or EmailTaken, also when racing (SEC-61).

        When both names are taken it is UsernameTaken.
        """
        ...

    async def get(self, user_id: UserId) -> User | None:
        """The account, in any status, or None."""
        ...

    async def find(self, name: Username | Email) -> User | None:
        """The account with this canonical user name or address, in any status, or None."""
        ...

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        """Up to ``limit`` accounts in order of id, which is order of creation, after ``after``."""
        ...

    async def search(
        self, query: UserQuery, *, after: UserId | None = None, limit: int = 100
    ) -> list[User]:
        """Up to ``limit`` accounts that ``query`` finds, in order of id, after ``after``."""
        ...

    async def count(self, query: UserQuery) -> int:
        """How many accounts `search` would find in all."""
        ...

    async def hold_administrators(self, but: UserId) -> bool:
        """Whether somebody other than ``but`` could administrate: holds such a role, is active.

        Whoever else asks waits until this transaction is over, then sees what it committed.
        """
        ...

    async def update(self, user: User) -> None:
        """Store all but the last login, the epoch and where they acted last, if the stored version
        is the one before.

        Raises ConcurrentUpdate, and writes nothing, when it is another one; UsernameTaken or
        EmailTaken when another account has the name, also when racing: nothing can commit then.
        """
        ...

    async def record_login(self, user_id: UserId, at: datetime, *, epoch: int) -> None:
        """Set the last login. Does not touch the version; a no-op for an unknown id.

        Raises ConcurrentUpdate, no later than with the commit, when the user's epoch is another
        one: whoever ended every session meant this sign-in too.
        """
        ...

    async def remember_organization(
        self, user_id: UserId, organization_id: OrganizationId | None
    ) -> None:
        """Note where they act now. Does not touch the version; a no-op for an unknown id.

        Waits for nobody: it is also a no-op while somebody else changes the account.
        """
        ...

    async def begin_epoch(self, user_id: UserId) -> None:
        """Raise the epoch by one; sign-ins of this user wait until this transaction is over."""
        ...


class UserCache(Protocol):
    """Whoever keeps copies of users."""

    async def forget_user(self, user_id: UserId) -> None:
        """Drop the copies, and whatever a slow reader is about to copy. Never raises."""
        ...


class UsersUnitOfWork(UnitOfWork, Protocol):
    """A transaction over users."""

    @property
    def users(self) -> UserRepository:
        """The accounts, as this transaction sees them."""
        ...
