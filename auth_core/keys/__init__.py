"""Signing keys: sealed at rest, one active per use, published as a JWK Set, rotated by plan."""

from auth_core.keys.events import KeyRotated, RotationCause
from auth_core.keys.model import (
    Departure,
    KeyRing,
    KeyStatus,
    KeyUse,
    PublicJwk,
    SealedKey,
    SigningKey,
)
from auth_core.keys.ports import KeyGenerator, KeyRepository, KeysUnitOfWork, Sealer
from auth_core.keys.rotation import RotationPolicy
from auth_core.keys.service import KeyService

__all__ = [
    "Departure",
    "KeyGenerator",
    "KeyRepository",
    "KeyRing",
    "KeyRotated",
    "KeyService",
    "KeyStatus",
    "KeyUse",
    "KeysUnitOfWork",
    "PublicJwk",
    "RotationCause",
    "RotationPolicy",
    "SealedKey",
    "Sealer",
    "SigningKey",
]
