"""Tokens whose signature was already checked, so that it is checked once and not per request."""

import hashlib
from collections import OrderedDict

from auth_core.kernel import TokenExpired
from auth_core.tokens.claims import AccessClaims

DEFAULT_CAPACITY = 10_000


class VerifiedTokens:
    """A bounded map from a token's digest to its claims; least recently used leaves first.

    It answers only what a signature check would: whether the session still lives is asked anew for
    every request. A dump of it holds no token.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._claims: OrderedDict[bytes, AccessClaims] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, token: str, now: float) -> AccessClaims | None:
        """The claims of a token verified before. Raises TokenExpired at ``exp``, seconds sharp."""
        digest = _digest(token)
        claims = self._claims.get(digest)
        if claims is None:
            return None
        if claims.exp <= now:
            del self._claims[digest]
            raise TokenExpired
        self._claims.move_to_end(digest)
        return claims

    def add(self, token: str, claims: AccessClaims) -> None:
        """Remember a verified token."""
        self._claims[_digest(token)] = claims
        if len(self._claims) > self._capacity:
            self._claims.popitem(last=False)


def _digest(token: str) -> bytes:
    # what cannot be encoded was never added, but may be asked for
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
