"""Tokens whose signature was already checked, so that it is checked once and not per request."""

import hashlib
from collections import OrderedDict

import msgspec

from auth_core.kernel import TokenExpired
from auth_core.tokens.claims import AccessClaims

DEFAULT_CAPACITY = 10_000


class Verified(msgspec.Struct, frozen=True):
    """What a signature check has proved: the claims, and under which key."""

    kid: str
    claims: AccessClaims


class VerifiedTokens:
    """A bounded map from a token's digest to its claims; least recently used leaves first.

    It answers only what a signature check would: whether the session still lives is asked anew for
    every request. A dump of it holds no token.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._verified: OrderedDict[bytes, Verified] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verified)

    def get(self, token: str, now: float) -> Verified | None:
        """A token verified before. Raises TokenExpired at ``exp``, seconds sharp.

        Whoever asks sees to it that the key is still in the ring (SEC-45).
        """
        digest = _digest(token)
        verified = self._verified.get(digest)
        if verified is None:
            return None
        if verified.claims.exp <= now:
            del self._verified[digest]
            raise TokenExpired
        self._verified.move_to_end(digest)
        return verified

    def forget(self, token: str) -> None:
        """Forget a token; a no-op when it is not there."""
        self._verified.pop(_digest(token), None)

    def add(self, token: str, kid: str, claims: AccessClaims) -> None:
        """Remember a token verified under the key ``kid``."""
        self._verified[_digest(token)] = Verified(kid, claims)
        if len(self._verified) > self._capacity:
            self._verified.popitem(last=False)


def _digest(token: str) -> bytes:
    # what cannot be encoded was never added, but may be asked for
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
