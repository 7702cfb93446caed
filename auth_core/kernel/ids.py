"""Typed identifiers. All are UUIDv7 (RFC 9562 §5.7): sorted by time, fit to be public."""

from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
OrganizationId = NewType("OrganizationId", UUID)
TeamId = NewType("TeamId", UUID)
RoleId = NewType("RoleId", UUID)
EventId = NewType("EventId", UUID)
TokenId = NewType("TokenId", UUID)

_RANDOM_BYTES = 10


def uuid7(unix_milliseconds: int, entropy: bytes) -> UUID:
    """Build a UUIDv7 from a timestamp and ten random bytes (RFC 9562 §5.7)."""
    if len(entropy) != _RANDOM_BYTES:
        message = f"a UUIDv7 takes {_RANDOM_BYTES} random bytes, got {len(entropy)}"
        raise ValueError(message)
    bits = (unix_milliseconds & (2**48 - 1)) << 80 | int.from_bytes(entropy)
    bits = bits & ~(0xF << 76) | 0x7 << 76  # version 7
    bits = bits & ~(0x3 << 62) | 0x2 << 62  # variant 10
    return UUID(int=bits)
