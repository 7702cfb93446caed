"""Signing keys of a deployment: the ring of this process, and how keys come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from auth_core.kernel import (
    Clock,
    ConcurrentUpdate,
    Ids,
    KeyNotFound,
    KeySpent,
    Misconfigured,
)
from auth_core.keys.current import CurrentRing
from auth_core.keys.events import RotationCause
from auth_core.keys.locked import LockedKeys
from auth_core.keys.model import Departure, KeyRing, KeyStatus, KeyUse, SealedKey, SigningKey
from auth_core.keys.ports import KeyGenerator, KeysUnitOfWork, Sealer
from auth_core.keys.rotation import KeyWork, RotationPolicy, of_status, work
from auth_core.keys.vault import KeyVault

_SPENT = {Departure.REVOKED, Departure.EXPIRED}


class KeyService:
    """Every process of a deployment ends up with the same keys, whoever changes them.

    What changes keys does so in one transaction under one lock, with its event, and may be called
    by any process at any time.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], KeysUnitOfWork],
        sealer: Sealer,
        generator: KeyGenerator,
        clock: Clock,
        ids: Ids,
        policy: RotationPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._generator = generator
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._vault = KeyVault(sealer)
        self._current = CurrentRing(self._read, clock)
        self._read_last: list[SealedKey] = []
        self.problem = ""
        """Why a stored key is not in the ring, for an operator; "" while all are."""

    async def ring(self) -> KeyRing:
        """The ring at hand: never waits, and is loaded anew in the background every 5 s.

        The first call loads it; keys that the deployment brings along are adopted, missing active
        keys are created. Raises Unavailable when storage is down, WrongMasterKey when a key cannot
        be opened and Misconfigured when a given key is unusable; later calls raise nothing.
        """
        return await self._current.get()

    def ring_at_hand(self) -> KeyRing | None:
        """What `ring` returns at once, or None when it would have to load the first one."""
        return self._current.at_hand()

    async def ring_with(self, use: KeyUse, kid: str) -> KeyRing:
        """The ring, loaded anew when it does not know ``kid``, at most once a second."""
        return await self._current.get_with(use, kid)

    async def stored(self) -> list[SealedKey]:
        """All keys as they are stored now, unopened."""
        async with self._unit_of_work() as uow:
            return await uow.keys.all()

    async def examined(self) -> list[tuple[SealedKey, str]]:
        """All keys as they are stored, each with why the master key does not open it, or ""."""
        return [(key, self._vault.problem_of(key)) for key in await self.stored()]

    async def tend(self) -> tuple[SealedKey | str, ...]:
        """Do what is due: publish the next keys, activate them, forget dead ones.

        Idempotent, and one query when nothing is due. Of callers at once, one does it. Returns the
        keys that changed and the ids of those that left. Raises Unavailable.
        """
        keys = await self.stored()
        due = {use: self._work([key for key in keys if key.use is use], use) for use in KeyUse}
        if not any(due.values()):
            return ()
        # slow, so before the transaction; whoever comes second made it in vain
        fresh = {use: await self._generated(use) for use in KeyUse if due[use].publish}
        async with self._locked() as locked:
            now = self._clock.now()
            for use in KeyUse:
                todo = self._work(locked.of(use), use)
                for dead in todo.remove:
                    await locked.remove(dead, Departure.EXPIRED, now)
                if todo.activate is not None:
                    await locked.activate(todo.activate, now, RotationCause.PLANNED)
                elif todo.publish and use in fresh:
                    await locked.publish(fresh[use], now)
        return tuple(locked.changes)

    async def rotate(self, use: KeyUse) -> SealedKey:
        """Rotate by plan: activate the next key if it has been published long enough, else see to
        it that there is one. Returns that key: active now, or next and due at ``activates_at``.

        Raises Misconfigured when the deployment brings the only key along, Unavailable.
        """
        fresh = await self._generated(use)
        async with self._locked() as locked:
            now = self._clock.now()
            upcoming = of_status(locked.of(use), KeyStatus.NEXT)
            if upcoming is None:
                return await locked.publish(fresh, now)
            if self._policy.is_due(upcoming, now):
                return await locked.activate(upcoming, now, RotationCause.PLANNED)
            return upcoming

    async def revoke(self, kid: str) -> SealedKey | None:
        """Take a key out at once, and all its tokens with it (SEC-45): every process drops it with
        its next reload, within seconds. Returns the new key that signs in its place, if it signed.

        Raises KeyNotFound, ConcurrentUpdate, Unavailable, and Misconfigured when the deployment
        brings the only key along.
        """
        found = next((key for key in await self.stored() if key.kid == kid), None)
        if found is None:
            raise KeyNotFound
        signs = found.status is KeyStatus.ACTIVE
        fresh = await self._generated(found.use) if signs else None
        async with self._locked() as locked:
            now, key = self._clock.now(), locked.find(kid)
            if key is None:
                raise KeyNotFound
            if key.status is KeyStatus.ACTIVE:
                if fresh is None:  # it was activated since it was looked at
                    raise ConcurrentUpdate
                return await locked.replace(key, fresh, now)
            await locked.remove(key, Departure.REVOKED, now)
        return None

    async def bring_in(self, key: SigningKey, *, activate: bool) -> SealedKey:
        """Import a key: as the next one, or to ``activate`` it at once, which relying services with
        a cached JWKS notice. One that is there stays as it is, unless it is to be activated.

        Raises Misconfigured for another algorithm than the configured one, KeySpent for a key that
        was revoked or has expired, Unavailable.
        """
        self._check_algorithm(key)
        async with self._locked() as locked:
            now, known = self._clock.now(), locked.find(key.kid)
            if known is None and await locked.departure(key.kid) in _SPENT:
                raise KeySpent
            if known is not None and (known.status is not KeyStatus.NEXT or not activate):
                return known
            sealed = known or self._vault.seal(key)
            if activate:
                return await locked.activate(sealed, now, RotationCause.IMPORTED)
            return await locked.publish(sealed, now)

    async def rewrap(self) -> int:
        """Seal every key anew that is not sealed under the current master key; returns how many.

        Idempotent. Raises Unavailable, and WrongMasterKey when neither the current nor the previous
        one opens a key; then nothing has changed.
        """
        async with self._locked() as locked:
            resealed = [
                sealed for key in locked.keys if (sealed := self._vault.resealed(key)) is not None
            ]
            for key in resealed:
                await locked.reseal(key)
        return len(resealed)

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self._current.close()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[LockedKeys]:
        """The keys while nobody else can change them; commits on the way out, then reloads."""
        async with self._unit_of_work() as uow:
            await uow.keys.lock()
            locked = LockedKeys(uow, await uow.keys.all(), self._policy, self._ids)
            yield locked
            if locked.changes:
                await uow.commit()
        if locked.changes:
            await self._current.renew()

    def _work(self, keys: list[SealedKey], use: KeyUse) -> KeyWork:
        return work(
            keys,
            self._policy,
            self._clock.now(),
            algorithm=self._generator.algorithm(use),
            fixed=self._generator.is_fixed(use),
        )

    async def _generated(self, use: KeyUse) -> SealedKey:
        return self._vault.seal(await asyncio.to_thread(self._generator.generate, use))

    async def _read(self, ring: KeyRing | None) -> KeyRing:
        """The ring as it is stored; the same one if nothing has changed."""
        keys = await self._read_first() if ring is None else await self.stored()
        if ring is None:
            ring = KeyRing(self._vault.open(key) for key in keys)
        elif keys != self._read_last:
            ring, self.problem = self._vault.open_beside(ring, keys)
        self._read_last = keys
        return ring

    async def _read_first(self) -> list[SealedKey]:
        """The stored keys, once there is an active one of every use."""
        keys = await self.stored()
        for key in keys:  # a wrong master key changes nothing
            self._vault.open(key)
        for use in KeyUse:
            given = await asyncio.to_thread(self._generator.given, use)
            if given is not None and not self._is_adopted(given, keys):
                await self._adopt(given)
                keys = await self.stored()
            if of_status([key for key in keys if key.use is use], KeyStatus.ACTIVE) is None:
                await self._create(use)
                keys = await self.stored()
        return keys

    async def _create(self, use: KeyUse) -> None:
        """Add a first key. Losing the race against another process is fine: its key is as good."""
        key = await self._generated(use)
        async with self._unit_of_work() as uow:
            at = self._clock.now()
            await uow.keys.add(msgspec.structs.replace(key, activated_at=at))
            await uow.commit()

    async def _adopt(self, given: SigningKey) -> None:
        """Sign with the key that the deployment brings along, unless it has left the ring before:
        whatever took its place is newer.
        """
        self._check_algorithm(given)
        async with self._locked() as locked:
            departure = await locked.departure(given.kid)
            fixed = self._generator.is_fixed(given.use)
            if departure is Departure.REVOKED and fixed:
                raise Misconfigured("JWT_SECRET_KEY was revoked: set another one")
            spent = departure in _SPENT and not fixed
            if not spent and not self._is_adopted(given, locked.keys):
                sealed = locked.find(given.kid) or self._vault.seal(given)
                await locked.activate(sealed, self._clock.now(), RotationCause.IMPORTED)

    def _is_adopted(self, given: SigningKey, keys: list[SealedKey]) -> bool:
        """Whether nothing is left to do: a key that rotates may be on its way already, or out."""
        fixed = self._generator.is_fixed(given.use)
        return any(
            key.kid == given.kid and (key.status is KeyStatus.ACTIVE or not fixed) for key in keys
        )

    def _check_algorithm(self, key: SigningKey) -> None:
        expected = self._generator.algorithm(key.use)
        if key.algorithm != expected:
            raise Misconfigured(
                f"the key is for {key.algorithm}, JWT_ALGORITHM is {expected}: change one of them"
            )
