"""What keys need: storage, a seal, and a source of new keys."""

from datetime import datetime
from typing import Protocol

from auth_core.audit import AuditUnitOfWork
from auth_core.kernel import Secret
from auth_core.keys.model import Departure, KeyUse, SealedKey, SigningKey


class KeyRepository(Protocol):
    """Sealed keys, and the ids of those that are gone."""

    async def lock(self) -> None:
        """Wait until no other transaction changes keys, and keep others waiting until this ends.

        Whoever reads after it sees what the one before has committed.
        """
        ...

    async def all(self) -> list[SealedKey]:
        """Every key that signs or verifies, or is about to."""
        ...

    async def add(self, key: SealedKey) -> bool:
        """Store ``key``. False, and nothing written, when its id is taken, or when it is active
        and its use has an active key already.

        Atomic: of racing callers exactly one succeeds.
        """
        ...

    async def update(self, key: SealedKey) -> None:
        """Replace the status, the times and the seal of the key with this id.

        A no-op when there is none.
        """
        ...

    async def remove(self, kid: str, departure: Departure, at: datetime) -> None:
        """Forget the key and remember why its id is gone. A no-op when there is none."""
        ...

    async def departure(self, kid: str) -> Departure | None:
        """Why the key with this id left, the last time; None if it never did."""
        ...


class Sealer(Protocol):
    """Envelope encryption under the deployment's master key."""

    def seal(self, plaintext: Secret[bytes], *, context: str) -> bytes:
        """Encrypt and authenticate, bound to ``context``: it opens only under the same one."""
        ...

    def open(self, sealed: bytes, *, context: str) -> Secret[bytes]:
        """Decrypt, also what the previous master key sealed while the deployment names that one.

        Raises WrongMasterKey when the key or the context is another one.
        """
        ...

    def is_current(self, sealed: bytes) -> bool:
        """Whether ``sealed`` is under the master key that `seal` uses. Proves nothing else."""
        ...


class KeyGenerator(Protocol):
    """Where keys come from."""

    def algorithm(self, use: KeyUse) -> str:
        """The configured algorithm for this use (RFC 7518, RFC 9864)."""
        ...

    def is_fixed(self, use: KeyUse) -> bool:
        """Whether the only key of this use is the `given` one: nothing can be generated."""
        ...

    def given(self, use: KeyUse) -> SigningKey | None:
        """The key that the deployment brings along for this use, or None. May read a file.

        Raises Misconfigured when it is unusable.
        """
        ...

    def generate(self, use: KeyUse) -> SigningKey:
        """A new active key of the configured algorithm for this use; takes tens of milliseconds.

        Raises Misconfigured when the use `is_fixed`.
        """
        ...


class KeysUnitOfWork(AuditUnitOfWork, Protocol):
    """A transaction over keys that leaves a trail."""

    @property
    def keys(self) -> KeyRepository:
        """The keys, as this transaction sees them."""
        ...
