"""Keys on their way into storage and out of it."""

from typing import Any

from auth_core.kernel import Misconfigured
from auth_core.keys.model import Key, KeyRing, SealedKey, SigningKey
from auth_core.keys.ports import Sealer

_FACTS = Key.__struct_fields__


class KeyVault:
    """Seals private keys, each bound to its id, use and algorithm."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, key: SigningKey) -> SealedKey:
        """The key as it is stored."""
        sealed = self._sealer.seal(key.private_jwk, context=_context(key))
        return SealedKey(**_facts(key), sealed_private_jwk=sealed)

    def open(self, key: SealedKey) -> SigningKey:
        """The key as it signs. Raises WrongMasterKey."""
        private = self._sealer.open(key.sealed_private_jwk, context=_context(key))
        return SigningKey(**_facts(key), private_jwk=private)

    def open_beside(self, ring: KeyRing, keys: list[SealedKey]) -> tuple[KeyRing, str]:
        """The ring of ``keys``, and why one of them is missing in it, or "".

        An id names one private key for ever, so what ``ring`` holds is not opened again: a process
        whose master key is behind goes on with the keys that it has, and loses those that are gone.
        """
        opened, problem = [], ""
        for key in keys:
            known = ring.find(key.use, key.kid)
            if known is not None and known.algorithm == key.algorithm:
                opened.append(SigningKey(**_facts(key), private_jwk=known.private_jwk))
                continue
            try:
                opened.append(self.open(key))
            except Misconfigured as error:
                problem = error.message
        return KeyRing(opened), problem

    def resealed(self, key: SealedKey) -> SealedKey | None:
        """The key under the current master key, or None if it is already. Raises WrongMasterKey."""
        if self._sealer.is_current(key.sealed_private_jwk):
            return None
        return self.seal(self.open(key))


def _facts(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _FACTS}


def _context(key: Key) -> str:
    return f"signing-key:{key.use}:{key.algorithm}:{key.kid}"
