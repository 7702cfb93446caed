"""Changes to keys inside one transaction that keeps all others out."""

from datetime import datetime

import msgspec

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import EventId, Ids
from auth_core.keys.events import KeyRotated, RotationCause
from auth_core.keys.model import Departure, KeyStatus, KeyUse, SealedKey
from auth_core.keys.ports import KeysUnitOfWork
from auth_core.keys.rotation import RotationPolicy, of_status


class LockedKeys:
    """The stored keys while nobody else can change them. Nothing lasts without a commit."""

    def __init__(
        self, uow: KeysUnitOfWork, keys: list[SealedKey], policy: RotationPolicy, ids: Ids
    ) -> None:
        """``keys`` were read from ``uow`` after its lock was taken."""
        self._uow = uow
        self._policy = policy
        self._ids = ids
        self.keys = keys
        self.changes: list[SealedKey | str] = []
        """What was stored, and the ids of what was removed."""

    def of(self, use: KeyUse) -> list[SealedKey]:
        """The keys of one use."""
        return [key for key in self.keys if key.use is use]

    def find(self, kid: str) -> SealedKey | None:
        """The key with this id, or None."""
        return next((key for key in self.keys if key.kid == kid), None)

    async def publish(self, key: SealedKey, now: datetime) -> SealedKey:
        """Make a new key the next one; a next one that is there already makes room."""
        for other in self.of(key.use):
            if other.status is KeyStatus.NEXT:
                await self.remove(other, Departure.SUPERSEDED, now)
        activates_at = now + self._policy.lead
        return await self._store(
            msgspec.structs.replace(key, status=KeyStatus.NEXT, activates_at=activates_at)
        )

    async def activate(self, key: SealedKey, now: datetime, cause: RotationCause) -> SealedKey:
        """Sign with ``key`` from now on; the key that signed until now retires."""
        previous = of_status(self.of(key.use), KeyStatus.ACTIVE)
        if previous is not None:
            await self._store(
                msgspec.structs.replace(previous, status=KeyStatus.RETIRED, retired_at=now)
            )
        return await self._sign_with(key, previous, now, cause)

    async def replace(self, revoked: SealedKey, key: SealedKey, now: datetime) -> SealedKey:
        """Sign with ``key`` from now on; ``revoked``, which signed until now, is gone."""
        await self.remove(revoked, Departure.REVOKED, now)
        return await self._sign_with(key, revoked, now, RotationCause.REVOKED)

    async def remove(self, key: SealedKey, departure: Departure, now: datetime) -> None:
        """Let a key leave the ring."""
        await self._uow.keys.remove(key.kid, departure, now)
        if departure is Departure.REVOKED:
            await self._record(AuditAction.KEY_REVOKED, key, "requested", now)
        self.keys = [other for other in self.keys if other.kid != key.kid]
        self.changes.append(key.kid)

    async def reseal(self, key: SealedKey) -> None:
        """Store a key under another master key."""
        await self._store(key)

    async def departure(self, kid: str) -> Departure | None:
        """Why the key with this id left, or None."""
        return await self._uow.keys.departure(kid)

    async def _sign_with(
        self, key: SealedKey, previous: SealedKey | None, now: datetime, cause: RotationCause
    ) -> SealedKey:
        stored = await self._store(
            msgspec.structs.replace(
                key,
                status=KeyStatus.ACTIVE,
                activates_at=None,
                activated_at=now,
                retired_at=None,
            )
        )
        if previous is not None:
            event = KeyRotated(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                use=key.use,
                kid=key.kid,
                algorithm=key.algorithm,
                previous_kid=previous.kid,
                cause=cause,
            )
            await self._uow.outbox.add([event])
            await self._record(AuditAction.KEY_ROTATED, key, cause, now)
        return stored

    async def _record(
        self, action: AuditAction, key: SealedKey, reason: str, now: datetime
    ) -> None:
        await self._uow.audit.append(
            AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                action=action,
                reason=str(reason),
                target=f"key:{key.kid}",
            )
        )

    async def _store(self, key: SealedKey) -> SealedKey:
        if self.find(key.kid) is None:
            await self._uow.keys.add(key)
        else:
            await self._uow.keys.update(key)
        self.keys = [*(other for other in self.keys if other.kid != key.kid), key]
        self.changes.append(key)
        return key
