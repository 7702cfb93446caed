"""Verifying an access token, step by step (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725, RFC 9068 §4).

Needs the extra ``fm-auth-core[jose]``. No step looks at anything that an earlier one did not admit.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from auth_core.kernel import Clock, InvalidToken, TokenExpired
from auth_core.keys import SigningKey
from auth_core.tokens.claims import ACCESS_TYPE, AccessClaims

MAX_TOKEN_LENGTH = 8192
MAX_CLOCK_SKEW = 10
"""Seconds that ``iat`` and ``nbf`` may lie ahead. ``exp`` gets no leeway."""

T = TypeVar("T")

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_Jwk = RSAKey | ECKey | OKPKey | OctKey
_IMPORT: Mapping[str, type[_Jwk]] = {
    "RS256": RSAKey,
    "ES256": ECKey,
    "Ed25519": OKPKey,
    "HS256": OctKey,
}


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header parameters that we issue. Any other (``jwk``, ``jku``, ``crit`` …) is refused."""

    alg: str
    kid: str
    typ: str


class _PresentedClaims(AccessClaims, frozen=True, kw_only=True):
    nbf: int | None = None


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience."""

    def __init__(self, *, issuer: str, audience: str, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._imported: dict[str, _Jwk] = {}

    def header(self, token: str) -> Header:
        """The header of what looks like an access token; nothing is proved yet.

        Raises InvalidToken. The key id looks up a key in memory and is never used for more.
        """
        segments = token.split(".") if len(token) <= MAX_TOKEN_LENGTH else []
        if len(segments) != 3:  # noqa: PLR2004 - header, payload, signature
            raise InvalidToken
        header_json, _, _ = map(_decode_segment, segments)
        header = _convert(header_json, Header)
        if header.typ.lower() != ACCESS_TYPE:
            raise InvalidToken
        return header

    def verify(self, token: str, header: Header, key: SigningKey) -> AccessClaims:
        """The claims of a token that `header` admitted, proved under ``key``.

        Raises InvalidToken, or TokenExpired when all but the time is right.
        """
        if header.alg != key.algorithm or header.kid != key.kid:
            raise InvalidToken
        claims = _convert(self._signed_payload(token, key), _PresentedClaims)
        self._check(claims)
        return claims

    def _signed_payload(self, token: str, key: SigningKey) -> bytes:
        try:
            signature = jws.deserialize_compact(
                token, self._import(key), algorithms=[key.algorithm]
            )
        except (JoseError, ValueError) as error:
            raise InvalidToken from error
        return signature.payload

    def _import(self, key: SigningKey) -> _Jwk:
        imported = self._imported.get(key.kid)
        if imported is None:
            jwk = key.public_jwk or msgspec.json.decode(key.private_jwk.reveal())
            imported = _IMPORT[key.algorithm].import_key(dict(jwk))
            self._imported[key.kid] = imported
        return imported

    def _check(self, claims: _PresentedClaims) -> None:
        now = self._clock.now().timestamp()
        if claims.iss != self._issuer or claims.aud != self._audience:
            raise InvalidToken
        if claims.iat > now + MAX_CLOCK_SKEW or claims.iat < 0 or claims.exp <= claims.iat:
            raise InvalidToken
        if claims.nbf is not None and claims.nbf > now + MAX_CLOCK_SKEW:
            raise InvalidToken
        if claims.exp <= now:
            raise TokenExpired


def _decode_segment(segment: str) -> bytes:
    """Base64url without padding, in its one canonical spelling (RFC 7515 §2, RFC 4648 §3.5)."""
    if not _SEGMENT.fullmatch(segment):
        raise InvalidToken
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise InvalidToken from error
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise InvalidToken
    return decoded


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
