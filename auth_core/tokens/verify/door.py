"""The decision on one token, from memory alone."""

from collections.abc import Callable

from auth_core.kernel import Clock, InvalidToken, TokenExpired, Unavailable
from auth_core.tokens.access_token import MAX_TOKEN_LENGTH, AccessTokenVerification
from auth_core.tokens.claims import AccessClaims
from auth_core.tokens.verify.keys import IssuerKeys
from auth_core.tokens.verify.revocations import RevokedSessions
from auth_core.tokens.verify.warm import WarmTokens, token_digest


class Stale(Unavailable):
    """All is well with the token, but it is too long since the view of revocations was proved."""

    def __init__(self, claims: AccessClaims) -> None:
        super().__init__()
        self.claims = claims


class Door:
    """Thread-safe, never blocks, does no I/O."""

    def __init__(
        self,
        verification: AccessTokenVerification,
        keys: IssuerKeys,
        revoked: RevokedSessions,
        warm: WarmTokens,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._verification = verification
        self._keys = keys
        self._revoked = revoked
        self._warm = warm
        self._now = clock.now
        self._monotonic = monotonic

    def check(self, token: str) -> AccessClaims:
        """The claims of a token that holds now.

        Raises UnknownKey when the issuer may know its key, Stale when only the view is too old,
        else InvalidToken, TokenExpired or Unavailable.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidToken
        digest = token_digest(token)
        claims = self._warm.get(digest)
        if claims is None:
            claims = self._verify(token, digest)
        elif claims.exp <= self._now().timestamp():
            self._warm.forget(digest)
            raise TokenExpired
        revoked = self._revoked
        if claims.exp < revoked.swept_until:
            raise TokenExpired
        if claims.sid.int in revoked.sessions:
            raise InvalidToken
        if self._monotonic() > revoked.fresh_until:
            raise Stale(claims)
        return claims

    def _verify(self, token: str, digest: bytes) -> AccessClaims:
        room = self._warm.room  # before the key is looked up: see `WarmTokens.clear`
        header = self._verification.header(token)
        claims = self._verification.prove(token, header, self._keys.find(header.kid))
        self._warm.add(digest, claims, room)
        return claims
