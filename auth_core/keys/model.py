"""Signing keys and the ring of those in use."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from auth_core.kernel import Secret

PublicJwk = Mapping[str, str]


class KeyUse(StrEnum):
    """What a key signs. Keys of one use never verify tokens of another."""

    ACCESS = "access"
    REFRESH = "refresh"


class KeyStatus(StrEnum):
    """next (published) -> active (signing) -> retired (verifying until its last token dies)."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


class Departure(StrEnum):
    """Why a key left the ring for good."""

    EXPIRED = "expired"
    """Its last token died."""
    REVOKED = "revoked"
    """Somebody took it out at once, and its tokens with it."""
    SUPERSEDED = "superseded"
    """It was published and another one took its place before it signed anything."""


_JWKS_ORDER = {KeyStatus.ACTIVE: 0, KeyStatus.NEXT: 1, KeyStatus.RETIRED: 2}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a key beside its private part. One algorithm per key (RFC 8725).

    ``public_jwk`` is None for symmetric keys, which never appear in the JWKS. ``activates_at`` is
    set while the key is next, ``activated_at`` since it signs, ``retired_at`` since it no longer
    does; keys made by versions before rotation have none of them.
    """

    kid: str
    use: KeyUse
    algorithm: str
    status: KeyStatus
    created_at: datetime
    public_jwk: PublicJwk | None
    activates_at: datetime | None = None
    activated_at: datetime | None = None
    retired_at: datetime | None = None


class SigningKey(Key, frozen=True, kw_only=True):
    """A key ready to sign. ``private_jwk`` is the JWK (RFC 7517) as JSON."""

    private_jwk: Secret[bytes]


class SealedKey(Key, frozen=True, kw_only=True):
    """A signing key as it is stored: the private part sealed under the master key (SEC-46)."""

    sealed_private_jwk: bytes


class KeyRing:
    """The keys in use at one moment: one active key per use, all others verify only."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = sorted(keys, key=lambda key: (_JWKS_ORDER[key.status], key.created_at))
        self._by_kid = {(key.use, key.kid): key for key in self._keys}

    def active(self, use: KeyUse) -> SigningKey | None:
        """The key that signs now."""
        return next(
            (key for key in self._keys if key.use is use and key.status is KeyStatus.ACTIVE), None
        )

    def find(self, use: KeyUse, kid: str) -> SigningKey | None:
        """The key with this id and use, or None."""
        return self._by_kid.get((use, kid))

    def algorithms(self, use: KeyUse) -> tuple[str, ...]:
        """The algorithms of the keys of this use, that of the active key first."""
        return tuple(dict.fromkeys(key.algorithm for key in self._keys if key.use is use))

    def jwks(self) -> dict[str, list[PublicJwk]]:
        """The public keys as a JWK Set (RFC 7517 §5): active first, then next, then retired."""
        return {"keys": [key.public_jwk for key in self._keys if key.public_jwk is not None]}
