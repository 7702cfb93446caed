"""Revocations: sessions that ended while access tokens of theirs may still be about."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from auth_core.kernel import SessionId, UserId


class EndedSession(msgspec.Struct, frozen=True):
    """That a session ended, and when."""

    user_id: UserId
    session_id: SessionId
    ended_at: datetime


class Revocation(msgspec.Struct, frozen=True):
    """What a verifier needs to know. After ``expires_at`` no access token of it is left."""

    session_id: SessionId
    ended_at: datetime
    expires_at: datetime


class RevocationStream(Protocol):
    """A fast way from process to process. It may lose everything; the truth makes it good."""

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """Append. Raises Unavailable."""
        ...

    def follow(self) -> AsyncIterator[list[Revocation]]:
        """What others append from now on, as it comes. Raises Unavailable when it is lost."""
        ...

    async def confirm(self, as_of: datetime) -> bool:
        """Say that everything revoked up to ``as_of`` has been appended, for a few seconds.

        False, and nothing is said, when nobody has said so for these seconds: then the stream may
        have lost entries. The caller must append all that still matters and try again; no other
        caller is asked to for some seconds. Raises Unavailable, also while another one does that.
        """
        ...


class RevocationAnnouncer(Protocol):
    """Whoever must hear at once of sessions that have ended."""

    def announce(self, user_id: UserId, session_ids: Sequence[SessionId], at: datetime) -> None:
        """These sessions ended at ``at``, and that is committed. Never raises, never waits."""
        ...
