"""Cryptography: password hashing, token signing, encryption of secrets at rest."""

from adapters.crypto.envelope import EnvelopeSealer
from adapters.crypto.jose import JoseKeyGenerator, JoseSigner
from adapters.crypto.passwords import Argon2Hasher

__all__ = ["Argon2Hasher", "EnvelopeSealer", "JoseKeyGenerator", "JoseSigner"]
