"""Reading the issuer's JWK Set (RFC 7517 §5): strict about the set, choosy about its keys."""

from collections.abc import Mapping
from typing import Any

import msgspec

from auth_core.tokens.signatures import VerificationKey, verification_key
from auth_core.tokens.verify.ports import SourceLost

MAX_KEYS = 64
MAX_KEY_ID = 256

_KEY_TYPE = {"RS256": "RSA", "ES256": "EC", "Ed25519": "OKP"}
"""What is accepted. Never a symmetric key: who publishes one lets everybody sign."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class _JwkSet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def read_jwks(document: bytes) -> Mapping[str, VerificationKey]:
    """The keys by their ids, in the issuer's order.

    What another algorithm would need, or what lacks ``kid`` or ``alg``, is ignored; it may be meant
    for others. Raises SourceLost when this is no JWK Set, is too large or uses one id twice.
    """
    try:
        presented = msgspec.json.decode(document, type=_JwkSet).keys
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise SourceLost("it sends no JWK Set") from None
    if len(presented) > MAX_KEYS:
        raise SourceLost("its JWK Set has too many keys")
    keys: dict[str, VerificationKey] = {}
    for jwk in presented:
        key = _read(jwk)
        if key is None:
            continue
        if key.kid in keys:
            raise SourceLost("its JWK Set uses a key id twice")
        keys[key.kid] = key
    return keys


def _read(jwk: Mapping[str, Any]) -> VerificationKey | None:
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not isinstance(algorithm, str):
        return None
    if not 0 < len(kid) <= MAX_KEY_ID or _KEY_TYPE.get(algorithm) != jwk.get("kty"):
        return None
    if jwk.get("use", "sig") != "sig" or not _PRIVATE.isdisjoint(jwk):
        return None
    try:
        public = {name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk}
        return verification_key(public, kid=kid, algorithm=algorithm)
    except ValueError:
        return None
