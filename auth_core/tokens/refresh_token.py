"""Reading refresh tokens: JWS under a symmetric key that never leaves the service (RFC 7515).

Only the service makes and reads them, so a token is genuine exactly when its text ends in the one
signature that the service would have put there. Nothing in it is trusted, or even decoded but for
the key id, before that.
"""

import base64
import hmac
from functools import lru_cache

import msgspec

from auth_core.kernel import Clock, InvalidRefreshToken
from auth_core.keys import KeyService, KeyUse, SigningKey
from auth_core.tokens.claims import REFRESH_TYPE, RefreshClaims

MAX_TOKEN_LENGTH = 2048
ALGORITHM = "HS256"


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class _OctJwk(msgspec.Struct, frozen=True):
    k: str


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_claims = msgspec.json.Decoder(RefreshClaims).decode


class RefreshTokenReader:
    """From a refresh token to its claims."""

    def __init__(self, keys: KeyService, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def read(self, token: str) -> RefreshClaims:
        """The claims of a genuine, unexpired token. Whether it may be redeemed is not asked.

        Raises InvalidRefreshToken or Unavailable.
        """
        claims = await self.read_expired(token)
        if self.has_expired(claims):
            raise InvalidRefreshToken
        return claims

    def has_expired(self, claims: RefreshClaims) -> bool:
        """Whether the time of a token is over, seconds sharp."""
        return claims.exp <= self._clock.now().timestamp()

    async def read_expired(self, token: str) -> RefreshClaims:
        """The claims of a genuine token, even if its time is over. Raises as `read` does."""
        if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidRefreshToken
        signed, _, signature = token.rpartition(".")
        header = _header(signed.partition(".")[0])
        ring = await self._keys.ring_with(KeyUse.REFRESH, header.kid)
        key = ring.find(KeyUse.REFRESH, header.kid)
        if key is None or key.algorithm != ALGORITHM:
            raise InvalidRefreshToken
        if not hmac.compare_digest(_signature(signed, key).encode(), signature.encode()):
            raise InvalidRefreshToken
        return _decode_claims(_decoded(signed.partition(".")[2]))


@lru_cache(maxsize=16)  # all tokens of a key begin alike; what is refused is not remembered
def _header(segment: str) -> _Header:
    try:
        header = _decode_header(_decoded(segment))
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidRefreshToken from error
    if header.alg != ALGORITHM or header.typ != REFRESH_TYPE:
        raise InvalidRefreshToken
    return header


def _signature(signed: str, key: SigningKey) -> str:
    mac = _keyed(key.private_jwk.reveal()).copy()
    mac.update(signed.encode())
    return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


@lru_cache(maxsize=16)  # copying a keyed MAC is a fraction of making one
def _keyed(private_jwk: bytes) -> hmac.HMAC:
    return hmac.new(_decoded(msgspec.json.decode(private_jwk, type=_OctJwk).k), digestmod="sha256")


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
