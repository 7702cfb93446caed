"""Verifiers whose issuer is a core in the same process: they hear everything before they decide.

They are the verifiers of `auth_core.tokens.verify` without their threads, so a test never waits and
nothing depends on how quick the machine is.
"""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from auth_core.core import Core
from auth_core.kernel import Clock, Unauthenticated, Unavailable
from auth_core.sessions import FeedState
from auth_core.testing.background import BackgroundLoop
from auth_core.tokens import AccessClaims
from auth_core.tokens.verify import (
    Feed,
    FeedMessage,
    FetchedKeys,
    Introspector,
    KeySource,
    Revocation,
    RevocationSource,
    Snapshot,
    SourceLost,
    SyncTokenVerifier,
    TokenVerifier,
)
from auth_core.tokens.verify.door import Stale
from auth_core.tokens.verify.keys import UnknownKey
from auth_core.tokens.verify.verifier import _Verifier

T = TypeVar("T")


class Elapsed:
    """Monotonic seconds by a clock that a test moves: they go on with it, and never back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = float("-inf")

    def __call__(self) -> float:
        """Seconds since some moment."""
        self._seconds = max(self._seconds, self._clock.now().timestamp())
        return self._seconds


class CoreIssuer:
    """The keys, the revocations and the word of a core, without a network.

    ``up`` False makes it unreachable: verifiers go on with what they know until that is too old.
    """

    def __init__(
        self, core: Core, loop: BackgroundLoop, elapsed: Elapsed, *, max_age: float
    ) -> None:
        self.up = True
        self._core = core
        self._loop = loop
        self._elapsed = elapsed
        self._max_age = max_age

    def fetch_keys(self, etag: str | None) -> FetchedKeys:
        """The JWK Set of now."""
        document = json.dumps(self.jwks()).encode()
        current = f'"{hashlib.sha256(document).hexdigest()}"'
        return FetchedKeys(
            document=None if etag == current else document, etag=current, max_age=self._max_age
        )

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK Set of now (RFC 7517 §5). Raises SourceLost."""
        self._require()

        async def read() -> dict[str, list[dict[str, str]]]:
            return {"keys": [dict(key) for key in (await self._core.keys.ring()).jwks()["keys"]]}

        return self._ask(read)

    def follow(self, cursor: str | None) -> Feed:  # noqa: ARG002 - a whole snapshot is as cheap
        """All that is revoked now. Then it ends: whoever wants to know more comes again."""
        return _Snapshots(self)

    def introspect(self, token: str) -> bool:
        """Whether the core itself accepts the token."""
        self._require()

        async def ask() -> bool:
            try:
                await self._core.authenticator.authenticate(token)
            except Unauthenticated:
                return False
            return True

        return self._ask(ask)

    def snapshot(self) -> Snapshot:
        """All that is revoked now. Raises SourceLost."""
        self._require()
        asked_at, feed = self._elapsed(), self._core.revocations

        async def read() -> FeedState:
            await feed.poll()
            return feed.state()

        state = self._ask(read)
        revocations = [
            Revocation(session_id=each.session_id, expires_at=int(each.expires_at.timestamp()) + 1)
            for each in state.revocations
        ]
        return Snapshot(revocations=revocations, cursor="all", asked_at=asked_at)

    def _ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return self._loop.run(question())
        except Unavailable as unavailable:
            raise SourceLost("its storage is down") from unavailable

    def _require(self) -> None:
        if not self.up:
            raise SourceLost("it is down")


class _Snapshots:
    def __init__(self, issuer: CoreIssuer) -> None:
        self._issuer = issuer

    def __iter__(self) -> Iterator[FeedMessage | None]:
        yield self._issuer.snapshot()

    def close(self) -> None:
        """There is nothing to close."""


class _Immediate(_Verifier):
    def hear(self) -> None:
        """Learn the keys and the revocations of now, if the issuer is up."""
        self._keys.renew()
        self._follower.follow()
        if self._follower.trouble is not None:  # the clock was set back: now it begins anew
            self._follower.follow()

    @property
    def ready(self) -> bool:
        """Whether tokens can be verified now."""
        self.hear()
        return super().ready


class ImmediateSyncVerifier(_Immediate, SyncTokenVerifier):
    """`SyncTokenVerifier` that asks the issuer before each decision. Needs no start."""

    def start(self, wait: float = 0.0) -> None:  # noqa: ARG002 - there is nothing to wait for
        """Hear what there is."""
        self.hear()

    def close(self) -> None:
        """There is nothing to stop."""

    def verify(self, token: str) -> AccessClaims:
        """As `SyncTokenVerifier.verify`, as of now."""
        self.hear()
        return super().verify(token)


class ImmediateVerifier(_Immediate, TokenVerifier):
    """`TokenVerifier` that asks the issuer before each decision, on any event loop or on trio."""

    async def start(self, wait: float = 0.0) -> None:  # noqa: ARG002 - there is nothing to wait for
        """Hear what there is."""
        self.hear()

    async def close(self) -> None:
        """There is nothing to stop."""

    async def verify(self, token: str) -> AccessClaims:
        """As `TokenVerifier.verify`, as of now."""
        self.hear()
        try:
            return self._door.check(token)
        except UnknownKey:
            raise self._refusal() from None
        except Stale as stale:
            return self._introspect(token, stale)


if TYPE_CHECKING:
    _keys: type[KeySource] = CoreIssuer
    _revocations: type[RevocationSource] = CoreIssuer
    _introspector: type[Introspector] = CoreIssuer
