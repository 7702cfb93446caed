"""What keys need: storage, a seal, and a source of new keys."""

from typing import Protocol

from auth_core.kernel import Secret, UnitOfWork
from auth_core.keys.model import KeyUse, SealedKey, SigningKey


class KeyRepository(Protocol):
    """Sealed keys."""

    async def all(self) -> list[SealedKey]:
        """Every key that signs or verifies."""
        ...

    async def add_active(self, key: SealedKey) -> bool:
        """Store ``key`` unless its use already has an active key: then False, nothing written.

        Atomic: of racing callers exactly one succeeds.
        """
        ...


class Sealer(Protocol):
    """Envelope encryption under the deployment's master key."""

    def seal(self, plaintext: Secret[bytes], *, context: str) -> bytes:
        """Encrypt and authenticate, bound to ``context``: it opens only under the same one."""
        ...

    def open(self, sealed: bytes, *, context: str) -> Secret[bytes]:
        """Decrypt. Raises WrongMasterKey when the key or the context is another one."""
        ...


class KeyGenerator(Protocol):
    """Makes new signing keys."""

    def generate(self, use: KeyUse) -> SigningKey:
        """A new active key of the configured algorithm for this use; takes tens of milliseconds."""
        ...


class KeysUnitOfWork(UnitOfWork, Protocol):
    """A transaction over keys."""

    @property
    def keys(self) -> KeyRepository:
        """The keys, as this transaction sees them."""
        ...
