"""One-time secrets in memory."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from auth_core.credentials import OneTimeSecret, OneTimeSecretRepository, Purpose
from auth_core.kernel import UserId
from auth_core.testing.store import Transaction


class InMemoryOneTimeSecretRepository:
    """One-time secrets of one transaction, one row for each purpose and subject."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def issue(self, secret: OneTimeSecret) -> None:
        """Take the place of the one before."""
        await self._transaction.statement("one_time_secrets.issue")
        await self._transaction.lock((secret.purpose, secret.subject))
        self._replace(secret)

    async def find(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        """The live one, or None."""
        await self._transaction.statement("one_time_secrets.find")
        return self._live(purpose, digest, now)

    async def redeem(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        """Consume it if it is still live once nobody else holds it."""
        await self._transaction.statement("one_time_secrets.redeem")
        found = await self._held(purpose, digest, now)
        if found is None or found.code_digest is not None:
            return None
        return self._replace(msgspec.structs.replace(found, consumed_at=now))

    async def try_code(
        self, purpose: Purpose, digest: bytes, code_digest: bytes, now: datetime
    ) -> OneTimeSecret | None:
        """Count, and consume it if the code is right."""
        await self._transaction.statement("one_time_secrets.try_code")
        found = await self._held(purpose, digest, now)
        if found is None or found.code_digest is None:
            return None
        consumed_at = now if found.code_digest == code_digest else None
        return self._replace(
            msgspec.structs.replace(found, attempts=found.attempts + 1, consumed_at=consumed_at)
        )

    async def void(self, user_id: UserId, purposes: Collection[Purpose], now: datetime) -> None:
        """Consume what is not consumed yet."""
        await self._transaction.statement("one_time_secrets.void")
        for key, row in list(self._transaction.one_time_secrets.items()):
            if row.user_id == user_id and row.purpose in purposes:
                await self._transaction.lock(key)
                current = self._transaction.one_time_secrets[key]
                if current.consumed_at is None:
                    self._replace(msgspec.structs.replace(current, consumed_at=now))

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove the expired ones that nobody holds."""
        await self._transaction.statement("one_time_secrets.sweep")
        rows = self._transaction.one_time_secrets
        over = [key for key, row in rows.items() if row.expires_at < before]
        return await self._transaction.delete(rows, over[:limit])

    async def _held(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        seen = self._live(purpose, digest, now)
        if seen is None:
            return None
        await self._transaction.lock((purpose, seen.subject))
        return self._live(purpose, digest, now)

    def _live(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        for row in self._transaction.one_time_secrets.values():
            if row.purpose is purpose and row.digest == digest and row.is_live(now):
                return row
        return None

    def _replace(self, secret: OneTimeSecret) -> OneTimeSecret:
        self._transaction.one_time_secrets[secret.purpose, secret.subject] = secret
        return secret


if TYPE_CHECKING:
    _: type[OneTimeSecretRepository] = InMemoryOneTimeSecretRepository
