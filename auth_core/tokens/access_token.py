"""Verifying an access token, step by step (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725, RFC 9068 §4).

Needs the extra ``fm-auth-core[jose]``. No step looks at anything that an earlier one did not admit.
"""

import json
from binascii import a2b_base64
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature

from auth_core.kernel import Clock, InvalidToken, TokenExpired
from auth_core.keys import SigningKey
from auth_core.tokens.claims import ACCESS_TYPE, AccessClaims
from auth_core.tokens.signatures import VerificationKey, verification_key

MAX_TOKEN_LENGTH = 8192
MAX_CLOCK_SKEW = 10
"""Seconds that ``iat`` and ``nbf`` may lie ahead. ``exp`` gets no leeway."""

T = TypeVar("T")

# The alphabet of base64url to that of base64; what belongs to the latter alone becomes foreign.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
_FILL = (b"", b"", b"==", b"=")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# by length modulo 4: last characters that leave no stray bits; a rest of one is no base64
_LAST = (frozenset(_ALPHABET), frozenset(""), frozenset(_ALPHABET[::16]), frozenset(_ALPHABET[::4]))


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header parameters that we issue. Any other (``jwk``, ``jku``, ``crit`` …) is refused."""

    alg: str
    kid: str
    typ: str


class _PresentedClaims(AccessClaims, frozen=True, kw_only=True, gc=False):
    nbf: int | None = None


_decode_claims = msgspec.json.Decoder(AccessClaims).decode
_encode_claims = msgspec.json.Encoder().encode


class AccessTokenVerification:
    """Verifies access tokens of one issuer for one audience, given their keys."""

    def __init__(self, *, issuer: str, audience: str, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._imported: dict[tuple[str, str], VerificationKey] = {}

    def header(self, token: str) -> Header:
        """The header of what looks like an access token; nothing is proved yet.

        Raises InvalidToken. The key id looks up a key in memory and is never used for more.
        """
        if len(token) > MAX_TOKEN_LENGTH or token.count(".") != 2:  # noqa: PLR2004 - 3 segments
            raise InvalidToken
        return _header(token.partition(".")[0])

    def verify(self, token: str, header: Header, key: SigningKey) -> AccessClaims:
        """The claims of a token that `header` admitted, proved under ``key``.

        Raises InvalidToken, or TokenExpired when all but the time is right.
        """
        if header.alg != key.algorithm or header.kid != key.kid:
            raise InvalidToken
        return self.prove(token, header, self._import(key))

    def prove(self, token: str, header: Header, key: VerificationKey) -> AccessClaims:
        """The same under a key that has been imported before."""
        if header.alg != key.algorithm or header.kid != key.kid:
            raise InvalidToken
        signed, _, signature = token.rpartition(".")
        try:
            key.check(_decode_segment(signature), signed.encode())
        except (InvalidSignature, ValueError) as error:
            raise InvalidToken from error
        claims = _claims(_decode_segment(signed.partition(".")[2]))
        self._check(claims)
        return claims

    def _import(self, key: SigningKey) -> VerificationKey:
        name = (key.kid, key.algorithm)
        imported = self._imported.get(name)
        if imported is None:
            jwk = key.public_jwk or msgspec.json.decode(key.private_jwk.reveal())
            try:
                imported = verification_key(jwk, kid=key.kid, algorithm=key.algorithm)
            except ValueError as error:
                raise InvalidToken from error
            self._imported[name] = imported
        return imported

    def _check(self, claims: AccessClaims) -> None:
        now = self._clock.now().timestamp()
        if claims.iss != self._issuer or claims.aud != self._audience:
            raise InvalidToken
        if claims.iat > now + MAX_CLOCK_SKEW or claims.iat < 0 or claims.exp <= claims.iat:
            raise InvalidToken
        if isinstance(claims, _PresentedClaims) and (claims.nbf or 0) > now + MAX_CLOCK_SKEW:
            raise InvalidToken
        if claims.exp <= now:
            raise TokenExpired


@lru_cache(maxsize=64)  # all tokens of a key begin alike; what is refused is not remembered
def _header(segment: str) -> Header:
    header = _convert(_decode_segment(segment), Header)
    if header.typ.lower() != ACCESS_TYPE:
        raise InvalidToken
    return header


def _decode_segment(segment: str) -> bytes:
    """Base64url without padding, in its one canonical spelling (RFC 7515 §2, RFC 4648 §3.5)."""
    rest = len(segment) & 3
    if segment[-1:] not in _LAST[rest]:
        raise InvalidToken
    try:
        return a2b_base64(
            segment.encode("ascii").translate(_TO_BASE64) + _FILL[rest], strict_mode=True
        )
    except ValueError as error:
        raise InvalidToken from error


def _claims(payload: bytes) -> AccessClaims:
    """The claims, with ``nbf`` if that was presented.

    Most often the payload is, byte by byte, what we would have written: then nothing can be in it
    twice, and reading it a second time to find that out is left away.
    """
    try:
        claims = _decode_claims(payload)
        if _encode_claims(claims) == payload:
            return claims
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidToken from error
    return _convert(payload, _PresentedClaims)


def _convert(document: bytes, kind: type[T]) -> T:
    """Strictly typed JSON; duplicate members are refused (RFC 8725 §2.4)."""
    try:
        json.loads(document, object_pairs_hook=_without_duplicates)
        return msgspec.json.decode(document, type=kind)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidToken from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "duplicate member"
        raise ValueError(message)
    return members
