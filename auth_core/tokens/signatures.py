"""Public keys, imported once and ready to verify with (RFC 7518 §3, RFC 8037 §3.1).

joserfc reads the key, ``cryptography`` checks the signature: nothing lies between the two.
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

RSA_BITS = range(2048, 8193)
"""RFC 7518 §3.3 asks for 2048 or more; beyond 8192 a check costs more than a token is worth."""

Jwk = dict[str, str | list[str]]
Check = Callable[[bytes, bytes], object]
"""Of a signature and what it signs. Raises InvalidSignature."""

_PADDING, _SHA256, _ECDSA = PKCS1v15(), SHA256(), ECDSA(SHA256())
_ES256_HALF = 32
_SMALL_ORDER = frozenset(
    bytes.fromhex(encoded)
    for encoded in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        *(f"{least}{'ff' * 30}7f" for least in ("ec", "ed", "ee")),
    )
)
"""Ed25519 keys, but for the sign, under which one signature fits any text (RFC 8032 §8.9)."""


class VerificationKey(msgspec.Struct, frozen=True, kw_only=True):
    """What one key id stands for. ``thumbprint`` (RFC 7638) tells whether it is still that key."""

    kid: str
    algorithm: str
    thumbprint: str
    check: Check

    def __repr__(self) -> str:
        return f"VerificationKey(kid={self.kid!r}, algorithm={self.algorithm!r})"


def verification_key(jwk: Mapping[str, str], *, kid: str, algorithm: str) -> VerificationKey:
    """The key in ``jwk`` for this one algorithm (RFC 8725 §3.1).

    Raises ValueError when the algorithm is not ours or the key does not fit it.
    """
    if algorithm not in _CHECKS:
        raise ValueError("an algorithm that is not ours")
    try:
        check, thumbprint = _CHECKS[algorithm](dict(jwk))
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ValueError("a key that does not fit its algorithm") from error
    return VerificationKey(kid=kid, algorithm=algorithm, thumbprint=thumbprint, check=check)


def _rs256(jwk: Jwk) -> tuple[Check, str]:
    modulus = int.from_bytes(urlsafe_b64decode(str(jwk["n"]) + "=="))
    if modulus.bit_length() not in RSA_BITS:
        raise ValueError("too short or too long")
    key = RSAKey.import_key(jwk)
    verify = key.public_key.verify

    def check(signature: bytes, signed: bytes) -> None:
        verify(signature, signed, _PADDING, _SHA256)

    return check, key.thumbprint()


def _es256(jwk: Jwk) -> tuple[Check, str]:
    key = ECKey.import_key(jwk)
    if key.curve_name != "P-256":
        raise ValueError("another curve")
    verify = key.public_key.verify

    def check(signature: bytes, signed: bytes) -> None:
        if len(signature) != 2 * _ES256_HALF:  # R and S side by side (RFC 7518 §3.4)
            raise InvalidSignature
        r, s = signature[:_ES256_HALF], signature[_ES256_HALF:]
        der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
        verify(der, signed, _ECDSA)

    return check, key.thumbprint()


def _ed25519(jwk: Jwk) -> tuple[Check, str]:
    key = OKPKey.import_key(jwk)
    if key.curve_name != "Ed25519":
        raise ValueError("another curve")
    point = urlsafe_b64decode(str(jwk["x"]) + "==")
    if point[:-1] + bytes([point[-1] & 0x7F]) in _SMALL_ORDER:
        raise ValueError("a point of small order")
    return key.public_key.verify, key.thumbprint()  # type: ignore[union-attr]  # of Ed25519


def _hs256(jwk: Jwk) -> tuple[Check, str]:
    key = OctKey.import_key(jwk)
    secret = key.raw_value

    def check(signature: bytes, signed: bytes) -> None:
        if not hmac.compare_digest(hmac.digest(secret, signed, "sha256"), signature):
            raise InvalidSignature

    return check, key.thumbprint()


_CHECKS: Mapping[str, Callable[[Jwk], tuple[Check, str]]] = {
    "RS256": _rs256,
    "ES256": _es256,
    "Ed25519": _ed25519,
    "HS256": _hs256,
}
