"""Keys on their way into storage and out of it."""

from typing import Any

import msgspec

from auth_core.kernel import KeyTampered, Misconfigured, Secret
from auth_core.keys.model import Key, KeyRing, PublicJwk, SealedKey, SigningKey
from auth_core.keys.ports import Sealer

_FACTS = Key.__struct_fields__
_PUBLIC_MEMBERS = frozenset({"kty", "n", "e", "crv", "x", "y", "kid", "use", "alg"})
"""What a JWK of ours says to everybody (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2)."""


class KeyVault:
    """Seals private keys, each bound to its id, use and algorithm.

    The public part is stored in the clear, and what is under the seal says which one it must be:
    whoever can write to the table cannot have another key published, or believed.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, key: SigningKey) -> SealedKey:
        """The key as it is stored."""
        sealed = self._sealer.seal(key.private_jwk, context=_context(key))
        return SealedKey(**_facts(key), sealed_private_jwk=sealed)

    def open(self, key: SealedKey) -> SigningKey:
        """The key as it signs. Raises WrongMasterKey, and KeyTampered for another public part."""
        private = self._sealer.open(key.sealed_private_jwk, context=_context(key))
        _require_public_part(key, private)
        return SigningKey(**_facts(key), private_jwk=private)

    def problem_of(self, key: SealedKey) -> str:
        """Why `open` refuses the key, for an operator, or ""."""
        try:
            self.open(key)
        except Misconfigured as error:
            return error.message
        return ""

    def open_beside(self, ring: KeyRing, keys: list[SealedKey]) -> tuple[KeyRing, str]:
        """The ring of ``keys``, and why one of them is missing in it, or "".

        An id names one private key for ever, so what ``ring`` holds is not opened again: a process
        whose master key is behind goes on with the keys that it has, and loses those that are gone.
        A public part that was changed meanwhile is not taken over.
        """
        opened, problem = [], ""
        for key in keys:
            known = ring.find(key.use, key.kid)
            if known is not None and known.algorithm == key.algorithm:
                if known.public_jwk != key.public_jwk:
                    problem = _tampered(key).message
                facts = _facts(key) | {"public_jwk": known.public_jwk}
                opened.append(SigningKey(**facts, private_jwk=known.private_jwk))
                continue
            try:
                opened.append(self.open(key))
            except Misconfigured as error:
                problem = error.message
        return KeyRing(opened), problem

    def resealed(self, key: SealedKey) -> SealedKey | None:
        """The key under the current master key, or None if it is already. Raises as `open` does."""
        if self._sealer.is_current(key.sealed_private_jwk):
            return None
        return self.seal(self.open(key))


def _require_public_part(key: Key, private_jwk: Secret[bytes]) -> None:
    if key.public_jwk != _public_part(msgspec.json.decode(private_jwk.reveal())):
        raise _tampered(key)


def _public_part(private_jwk: dict[str, str]) -> PublicJwk | None:
    if private_jwk["kty"] == "oct":
        return None
    return {name: value for name, value in private_jwk.items() if name in _PUBLIC_MEMBERS}


def _tampered(key: Key) -> KeyTampered:
    return KeyTampered(
        f"the public part of signing key {key.kid} in the database is not the one that belongs to"
        " it: somebody changed it, or it is damaged. Restore the row of signing_keys from a backup,"
        f" or take the key out with `fm-auth key revoke {key.kid}`"
    )


def _facts(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _FACTS}


def _context(key: Key) -> str:
    return f"signing-key:{key.use}:{key.algorithm}:{key.kid}"
