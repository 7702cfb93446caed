"""Events of signing keys."""

from enum import StrEnum

from auth_core.kernel import DomainEvent
from auth_core.keys.model import KeyUse


class RotationCause(StrEnum):
    """Why another key signs now."""

    PLANNED = "planned"
    """It was published before, by itself or on command, and its time had come."""
    REVOKED = "revoked"
    """The active key was taken out at once."""
    IMPORTED = "imported"
    """The deployment brought a key along."""


class KeyRotated(DomainEvent, frozen=True, kw_only=True, tag="key.rotated"):
    """Another key signs now; the one before is retired, or gone if it was revoked."""

    user_id: None = None
    use: KeyUse
    kid: str
    algorithm: str
    previous_kid: str
    cause: RotationCause
