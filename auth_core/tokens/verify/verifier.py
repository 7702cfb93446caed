"""The verifier of a relying service: access tokens are checked here, without asking anybody."""

import asyncio
from collections.abc import Callable
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Self

from auth_core.kernel import Clock, InvalidToken, Unavailable
from auth_core.tokens.access_token import AccessTokenVerification
from auth_core.tokens.claims import AccessClaims
from auth_core.tokens.verify.door import Door, Stale
from auth_core.tokens.verify.elapsed import MachineClock
from auth_core.tokens.verify.elapsed import monotonic as elapsed
from auth_core.tokens.verify.follower import Follower
from auth_core.tokens.verify.keys import IssuerKeys, UnknownKey
from auth_core.tokens.verify.ports import Introspector, KeySource, RevocationSource, SourceLost
from auth_core.tokens.verify.revocations import RevokedSessions
from auth_core.tokens.verify.warm import WarmTokens

START_SECONDS = 5.0
STOP_SECONDS = 5.0
FAIL_FAST_SECONDS = 1.0
"""After an introspection that got no answer the next ones are refused without asking."""


class _Verifier:
    """Verifies access tokens of one issuer for one audience.

    Two threads keep it up to date: one renews the keys before they are out of date, the other one
    follows the revocations. Start it after the process has forked.

    **What ``staleness`` bounds** (seconds): the time from the arrival of the last proof that the
    view of revocations was complete until tokens are no longer accepted on its word. While the feed
    is up, a revoked session's tokens are refused as soon as its event arrives, well within a second
    of the commit. When the feed breaks, hangs, repeats itself or falls behind, a revocation can be
    missed for at most ``staleness`` seconds plus the delay that the quickest message of the
    connection had on its way. After that every token is refused with Unavailable (fails closed), or
    if ``introspection`` is given, the issuer is asked about each one.

    ``keys_usable_for`` (seconds) bounds how long the last good keys serve while the issuer cannot
    be asked for new ones; ``key_interval``: unknown key ids cause at most one fetch in that time.
    ``capacity``: verified tokens that are remembered, some 1.5 KB each.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        revocations: RevocationSource,
        introspection: Introspector | None = None,
        staleness: float = 5.0,
        keys_usable_for: float = 3600.0,
        key_interval: float = 5.0,
        capacity: int = 10_000,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        clock = clock or MachineClock()
        warm = WarmTokens(capacity)
        self._keys = IssuerKeys(
            keys,
            monotonic=monotonic,
            removed=warm.clear,
            usable_for=keys_usable_for,
            interval=key_interval,
        )
        self._revoked = RevokedSessions(staleness=staleness)
        self._follower = Follower(revocations, self._revoked, clock=clock, monotonic=monotonic)
        verification = AccessTokenVerification(issuer=issuer, audience=audience, clock=clock)
        self._door = Door(
            verification, self._keys, self._revoked, warm, clock=clock, monotonic=monotonic
        )
        self._introspector = introspection
        self._silent_until = float("-inf")
        self._monotonic = monotonic
        self._stopped = Event()
        self._changed = Condition()
        self._threads: list[Thread] = []

    @property
    def ready(self) -> bool:
        """Whether tokens can be verified now: there are keys, and the view is fresh."""
        return self._keys.usable and self._monotonic() <= self._revoked.fresh_until

    @property
    def trouble(self) -> str | None:
        """What keeps the issuer from being heard, for the operator; None if nothing does."""
        if self._keys.trouble is not None:
            return f"keys: {self._keys.trouble}"
        if self._follower.trouble is not None:
            return f"revocations: {self._follower.trouble}"
        return None

    @property
    def revocations_known(self) -> int:
        """How many ended sessions are remembered."""
        return len(self._revoked)

    def _start(self) -> None:
        if self._threads:
            return
        for name, run in (("keys", self._keys.run), ("revocations", self._follower.run)):
            thread = Thread(
                target=run,
                args=(self._stopped, self._notify),
                name=f"fm-auth-verify-{name}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def _await_ready(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.ready, seconds)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _stop(self) -> None:
        self._stopped.set()
        self._follower.stop()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _refusal(self) -> Exception:
        """Of a token whose key is unknown still: nobody knows it, or nobody could be asked."""
        return InvalidToken() if self._keys.trouble is None else Unavailable()

    def _introspect(self, token: str, stale: Stale) -> AccessClaims:
        """Blocks for a bounded time."""
        if self._introspector is None or self._monotonic() < self._silent_until:
            raise Unavailable from None
        try:
            active = self._introspector.introspect(token)
        except SourceLost:
            self._silent_until = self._monotonic() + FAIL_FAST_SECONDS
            raise Unavailable from None
        if not active:
            raise InvalidToken from None
        return stale.claims


class SyncTokenVerifier(_Verifier):
    """The verifier for threads. Any number of them may use it."""

    def start(self, wait: float = START_SECONDS) -> None:
        """Begin to listen; returns when `ready`, or not ready after ``wait`` seconds.

        Without the issuer it starts as well: until the issuer is heard, tokens are refused with
        Unavailable. See ``trouble``.
        """
        self._start()
        self._await_ready(wait)

    def close(self) -> None:
        """Stop listening. Afterwards every token is refused once the view is stale."""
        self._stop()

    def verify(self, token: str) -> AccessClaims:
        """The claims of an access token that holds now.

        Blocks only for a key id never seen before and for introspection. Raises InvalidToken,
        TokenExpired, or Unavailable when it cannot be decided.
        """
        try:
            return self._check(token)
        except Stale as stale:
            return self._introspect(token, stale)

    def _check(self, token: str) -> AccessClaims:
        try:
            return self._door.check(token)
        except UnknownKey as unknown:
            if self._keys.wants(unknown.kid):
                self._keys.learn(unknown.kid)
        try:
            return self._door.check(token)
        except UnknownKey:
            raise self._refusal() from None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class TokenVerifier(_Verifier):
    """The verifier for one event loop, which it never blocks."""

    _learning: asyncio.Task[None] | None = None

    async def start(self, wait: float = START_SECONDS) -> None:
        """Begin to listen; returns when `ready`, or not ready after ``wait`` seconds.

        Without the issuer it starts as well: until the issuer is heard, tokens are refused with
        Unavailable. See ``trouble``.
        """
        self._start()
        await asyncio.to_thread(self._await_ready, wait)

    async def close(self) -> None:
        """Stop listening. Afterwards every token is refused once the view is stale."""
        await asyncio.to_thread(self._stop)

    async def verify(self, token: str) -> AccessClaims:
        """The claims of an access token that holds now.

        Waits only for a key id never seen before and for introspection. Raises InvalidToken,
        TokenExpired, or Unavailable when it cannot be decided.
        """
        try:
            return self._door.check(token)
        except UnknownKey as unknown:
            await self._learn(unknown.kid)
        except Stale as stale:
            return await asyncio.to_thread(self._introspect, token, stale)
        try:
            return self._door.check(token)
        except UnknownKey:
            raise self._refusal() from None
        except Stale as stale:
            return await asyncio.to_thread(self._introspect, token, stale)

    async def _learn(self, kid: str) -> None:
        """However many ask at once, one thread works for them."""
        if not self._keys.wants(kid):
            return
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(asyncio.to_thread(self._keys.learn, kid))
        await asyncio.shield(self._learning)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
