"""The key ring of this process: loaded from storage, created on first use of a deployment."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from auth_core.kernel import Clock, Unavailable
from auth_core.keys.model import KeyRing, KeyUse, SealedKey, SigningKey
from auth_core.keys.ports import KeyGenerator, KeysUnitOfWork, Sealer

RELOAD_INTERVAL = timedelta(seconds=5)
"""An unknown key id may cause one reload in this time, so a flood of them costs nothing."""


class KeyService:
    """Holds the ring. Every process of a deployment ends up with the same active keys."""

    def __init__(
        self,
        unit_of_work: Callable[[], KeysUnitOfWork],
        sealer: Sealer,
        generator: KeyGenerator,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sealer = sealer
        self._generator = generator
        self._clock = clock
        self._ring: KeyRing | None = None
        self._asked_at: datetime | None = None
        self._answers = 0
        self._loading = asyncio.Lock()

    async def ring(self) -> KeyRing:
        """The ring, loaded on first use; missing active keys are created.

        Raises Unavailable when storage is down and WrongMasterKey when a key cannot be opened.
        """
        return self._ring or await self._load()

    async def ring_with(self, use: KeyUse, kid: str) -> KeyRing:
        """The ring, reloaded when it does not know ``kid``.

        Storage is asked at most every `RELOAD_INTERVAL`, also while it is down.
        """
        ring = await self.ring()
        if ring.find(use, kid) is not None or self._asked_recently():
            return ring
        try:
            return await self._load()
        except Unavailable:
            return ring

    def _asked_recently(self) -> bool:
        # abs: a clock that was set back must not stop reloads until it has caught up
        return (
            self._asked_at is not None and abs(self._clock.now() - self._asked_at) < RELOAD_INTERVAL
        )

    async def _load(self) -> KeyRing:
        before = self._answers
        async with self._loading:
            if self._answers != before:  # somebody else just asked: share their answer
                if self._ring is None:
                    raise Unavailable
                return self._ring
            try:
                self._ring = await self._read()
            except Unavailable:
                self._answered()
                raise
            self._answered()
            return self._ring

    def _answered(self) -> None:
        self._answers += 1
        self._asked_at = self._clock.now()

    async def _read(self) -> KeyRing:
        keys = await self._stored()
        for use in KeyUse:
            if KeyRing(keys).active(use) is None:
                await self._create(use)
                keys = await self._stored()
        return KeyRing(keys)

    async def _stored(self) -> list[SigningKey]:
        async with self._unit_of_work() as uow:
            return [self._opened(key) for key in await uow.keys.all()]

    async def _create(self, use: KeyUse) -> None:
        """Add a first key. Losing the race against another process is fine: its key is as good."""
        key = await asyncio.to_thread(self._generator.generate, use)
        async with self._unit_of_work() as uow:
            await uow.keys.add_active(self._sealed(key))
            await uow.commit()

    def _sealed(self, key: SigningKey) -> SealedKey:
        return SealedKey(
            kid=key.kid,
            use=key.use,
            algorithm=key.algorithm,
            status=key.status,
            created_at=key.created_at,
            sealed_private_jwk=self._sealer.seal(key.private_jwk, context=_context(key)),
            public_jwk=key.public_jwk,
        )

    def _opened(self, key: SealedKey) -> SigningKey:
        return SigningKey(
            kid=key.kid,
            use=key.use,
            algorithm=key.algorithm,
            status=key.status,
            created_at=key.created_at,
            private_jwk=self._sealer.open(key.sealed_private_jwk, context=_context(key)),
            public_jwk=key.public_jwk,
        )


def _context(key: SigningKey | SealedKey) -> str:
    return f"signing-key:{key.use}:{key.algorithm}:{key.kid}"
