"""Cryptography: password hashing, token signing, encryption of secrets at rest."""

from adapters.crypto.envelope import EnvelopeSealer
from adapters.crypto.given_keys import key_from_pem, key_from_secret, require_public_half
from adapters.crypto.jose import JoseKeyGenerator, JoseSigner
from adapters.crypto.passwords import (
    Argon2Hasher,
    PepperKey,
    StoredHashes,
)

__all__ = [
    "Argon2Hasher",
    "EnvelopeSealer",
    "JoseKeyGenerator",
    "JoseSigner",
    "PepperKey",
    "StoredHashes",
    "key_from_pem",
    "key_from_secret",
    "require_public_half",
]
