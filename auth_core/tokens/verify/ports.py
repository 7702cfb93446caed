"""Where a relying service learns keys and revocations from. Implementations may block: they are
called from threads of their own, or awaited in one.
"""

from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

import msgspec


class SourceLost(Exception):
    """The issuer cannot be asked. The reason is for the operator and holds no secret."""


class FetchedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A JWK Set as the issuer sent it; ``document`` is None when the ``etag`` still holds.

    ``max_age`` is in seconds, None when the issuer did not say.
    """

    document: bytes | None
    etag: str | None
    max_age: float | None


class KeySource(Protocol):
    """The issuer's public keys."""

    def fetch_keys(self, etag: str | None) -> FetchedKeys:
        """The JWK Set, unless it is still the one called ``etag``. Raises SourceLost."""
        ...


class Revocation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session that ended. ``expires_at``: epoch seconds at which its last token is dead."""

    session_id: UUID
    expires_at: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All revocations that still matter. ``asked_at`` is monotonic, from before the question."""

    revocations: list[Revocation]
    cursor: str
    asked_at: float


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """One more revocation; ``cursor`` resumes behind it."""

    revocation: Revocation
    cursor: str | None


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """Every revocation committed up to ``as_of``, in epoch seconds of the issuer, came before."""

    as_of: float
    cursor: str | None = None


class Reset(msgspec.Struct, frozen=True):
    """The cursor means nothing any more: only a new snapshot helps."""


FeedMessage = Snapshot | Revoked | Alive | Reset


class Feed(Protocol):
    """One connection to the feed. Iterating raises SourceLost when it is over.

    None comes at least every few seconds while there is nothing to say, so that the reader can
    look after the time.
    """

    def __iter__(self) -> Iterator[FeedMessage | None]: ...

    def close(self) -> None:
        """End it, from any thread: a reader that is waiting gets SourceLost. Idempotent."""
        ...


class RevocationSource(Protocol):
    """The issuer's revocations."""

    def follow(self, cursor: str | None) -> Feed:
        """What happened since ``cursor``; without one a Snapshot comes first. Does not block."""
        ...


class Introspector(Protocol):
    """The issuer's own word on one token (RFC 7662)."""

    def introspect(self, token: str) -> bool:
        """Whether the token is active. Raises SourceLost."""
        ...
