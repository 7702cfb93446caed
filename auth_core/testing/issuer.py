"""An issuer without a network, for the tests of services that verify our tokens."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from auth_core.keys import PublicJwk
from auth_core.tokens.verify.ports import (
    Alive,
    Feed,
    FeedMessage,
    FetchedKeys,
    Introspector,
    KeySource,
    Reset,
    Revocation,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)


class InMemoryIssuer:
    """Keys, revocations and introspection that a test decides about. ``up`` turns all of it off."""

    def __init__(self, keys: list[PublicJwk], *, monotonic: Callable[[], float]) -> None:
        self.keys = keys
        self.max_age: float | None = 300
        self.up = True
        self.fetches = self.introspections = 0
        self.followed: list[str | None] = []
        self._monotonic = monotonic
        self._revocations: list[Revocation] = []
        self._forgotten = 0

    def revoke(self, session_id: UUID, expires_at: int) -> None:
        """End a session; followers hear of it."""
        self._revocations.append(Revocation(session_id=session_id, expires_at=expires_at))

    def forget_cursors(self) -> None:
        """Whoever resumes from before now must read everything anew."""
        self._forgotten = len(self._revocations) + 1
        self._revocations.append(Revocation(session_id=UUID(int=0), expires_at=0))

    def fetch_keys(self, etag: str | None) -> FetchedKeys:
        """The keys, with an ETag that changes with them."""
        self.fetches += 1
        self._require()
        document = json.dumps({"keys": [dict(key) for key in self.keys]}).encode()
        current = f'"{hash(document)}"'
        return FetchedKeys(
            document=None if etag == current else document, etag=current, max_age=self.max_age
        )

    def follow(self, cursor: str | None) -> Feed:
        """A feed that ends, with SourceLost, when there is nothing more to say."""
        self.followed.append(cursor)
        return _InMemoryFeed(self._messages(cursor))

    def introspect(self, token: str) -> bool:
        """Active, as long as the issuer is up and the test has put nothing else in its place."""
        self.introspections += 1
        self._require()
        return bool(token)

    def _messages(self, cursor: str | None) -> Iterator[FeedMessage | None]:
        self._require()
        if cursor is not None and int(cursor) < self._forgotten:
            yield Reset()
            return
        count = len(self._revocations)
        if cursor is None:
            yield Snapshot(
                revocations=list(self._revocations), cursor=str(count), asked_at=self._monotonic()
            )
        else:
            for number in range(int(cursor), count):
                yield Revoked(revocation=self._revocations[number], cursor=str(number + 1))
        yield Alive(as_of=self._monotonic())
        raise SourceLost("nothing more to say")

    def _require(self) -> None:
        if not self.up:
            raise SourceLost("it is down")


class _InMemoryFeed:
    def __init__(self, messages: Iterator[FeedMessage | None]) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[FeedMessage | None]:
        return self._messages

    def close(self) -> None:
        """There is nothing to close."""


if TYPE_CHECKING:
    _keys: type[KeySource] = InMemoryIssuer
    _revocations: type[RevocationSource] = InMemoryIssuer
    _introspector: type[Introspector] = InMemoryIssuer
