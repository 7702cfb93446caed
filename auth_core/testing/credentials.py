"""The credentials of the database in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.credentials import Account, Collision, CollisionKind, CredentialRepository
from auth_core.kernel import Email, Secret, UserId, Username, UserNotFound
from auth_core.testing.store import PasswordState, Transaction
from auth_core.testing.users import found
from auth_core.users import User


class InMemoryCredentialRepository:
    """Passwords of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def account(self, name: Username | Email) -> Account | None:
        """The account of this name with its password, or None."""
        await self._transaction.statement("credentials.account")
        user = found(self._transaction, name)
        return None if user is None else self._account(user)

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        """Replace the password of an existing user."""
        await self._transaction.statement("credentials.set_password")
        if user_id not in self._transaction.users:
            raise UserNotFound
        await self._hold(user_id)
        self._transaction.password_hashes[user_id] = password_hash
        self._transaction.password_states[user_id] = PasswordState()

    async def verified(
        self, user_id: UserId, *, seen: Secret[str], upgraded: Secret[str] | None
    ) -> None:
        """Compare, then forget and replace."""
        await self._transaction.statement("credentials.verified")
        await self._hold(user_id)
        state = self._state(user_id)
        if self._transaction.password_hashes.get(user_id) != seen or state.disabled_at is not None:
            return
        self._put(
            user_id, msgspec.structs.replace(state, consecutive_failures=0, last_failed_at=None)
        )
        if upgraded is not None:
            self._transaction.password_hashes[user_id] = upgraded

    async def record_failure(self, user_id: UserId | None, at: datetime, *, limit: int) -> int:
        """Hold the password and count."""
        await self._transaction.statement("credentials.record_failure")
        if user_id is None or user_id not in self._transaction.password_hashes:
            return 0
        await self._hold(user_id)
        state = self._state(user_id)
        failures = state.consecutive_failures + 1
        disabled_at = state.disabled_at or (at if failures >= limit else None)
        self._put(
            user_id,
            msgspec.structs.replace(
                state, consecutive_failures=failures, last_failed_at=at, disabled_at=disabled_at
            ),
        )
        return failures

    async def unlock(self, user_id: UserId) -> bool:
        """Hold the password and forget."""
        await self._transaction.statement("credentials.unlock")
        await self._hold(user_id)
        state = self._state(user_id)
        if not state.consecutive_failures and state.disabled_at is None:
            return False
        self._put(user_id, PasswordState(must_change=state.must_change))
        return True

    async def require_change(self, user_id: UserId) -> bool:
        """Hold the password and mark it."""
        await self._transaction.statement("credentials.require_change")
        await self._hold(user_id)
        if user_id not in self._transaction.password_hashes:
            return False
        self._put(user_id, msgspec.structs.replace(self._state(user_id), must_change=True))
        return True

    async def load(self, accounts: Sequence[Account]) -> list[Collision]:
        """One after the other."""
        await self._transaction.statement("credentials.load")
        collisions = []
        for account in accounts:
            user = account.user
            for name in (user.id, user.username, user.email):
                await self._transaction.lock(name)
            kind = _collision(self._transaction.users.values(), user)
            if kind is not None:
                collisions.append(Collision(user.id, kind))
                continue
            self._transaction.users[user.id] = user
            if account.password_hash is not None:
                self._transaction.password_hashes[user.id] = account.password_hash
                self._put(user.id, PasswordState.of(account))
        return collisions

    async def portable(self, *, after: UserId | None, limit: int) -> list[Account]:
        """In order of id."""
        await self._transaction.statement("credentials.portable")
        users = sorted(self._transaction.users.values(), key=lambda user: user.id)
        page = [user for user in users if after is None or user.id > after][:limit]
        return [self._account(user) for user in page]

    def _account(self, user: User) -> Account:
        state = self._state(user.id)
        return Account(
            user=user,
            password_hash=self._transaction.password_hashes.get(user.id),
            consecutive_failures=state.consecutive_failures,
            last_failed_at=state.last_failed_at,
            disabled_at=state.disabled_at,
            must_change=state.must_change,
        )

    def _state(self, user_id: UserId) -> PasswordState:
        return self._transaction.password_states.get(user_id, PasswordState())

    def _put(self, user_id: UserId, state: PasswordState) -> None:
        self._transaction.password_states[user_id] = state

    async def _hold(self, user_id: UserId) -> None:
        await self._transaction.lock(("password", user_id))


def _collision(users: Iterable[User], new: User) -> CollisionKind | None:
    found = {
        CollisionKind.ID: [user for user in users if user.id == new.id],
        CollisionKind.USERNAME: [user for user in users if user.username == new.username],
        CollisionKind.EMAIL: [user for user in users if user.email == new.email],
    }
    if any(user.username == new.username for user in found[CollisionKind.ID]):
        return CollisionKind.ALREADY_THERE
    return next((kind for kind, colliding in found.items() if colliding), None)


if TYPE_CHECKING:
    _: type[CredentialRepository] = InMemoryCredentialRepository
