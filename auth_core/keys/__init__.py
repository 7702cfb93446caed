"""Signing keys: sealed at rest, one active per use, published as a JWK Set."""

from auth_core.keys.model import KeyRing, KeyStatus, KeyUse, PublicJwk, SealedKey, SigningKey
from auth_core.keys.ports import KeyGenerator, KeyRepository, KeysUnitOfWork, Sealer
from auth_core.keys.service import KeyService

__all__ = [
    "KeyGenerator",
    "KeyRepository",
    "KeyRing",
    "KeyService",
    "KeyStatus",
    "KeyUse",
    "KeysUnitOfWork",
    "PublicJwk",
    "SealedKey",
    "Sealer",
    "SigningKey",
]
