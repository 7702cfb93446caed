"""Asymmetric keys and signatures, for tests that must not tell the core from the real service.

Needs the extra ``fm-auth-core[jose]``. RS256 is what the service signs with unless told otherwise.
"""

import base64
import json
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, RSAKey

from auth_core.kernel import Clock, Entropy, Secret
from auth_core.keys import KeyGenerator, KeyStatus, KeyUse, SigningKey
from auth_core.testing.crypto import SymmetricKeyGenerator, SymmetricTokenSigner
from auth_core.tokens import TokenSigner

Algorithm = Literal["RS256", "ES256"]

_RSA_BITS = 2048
_P256_BYTES = 32


class KeyPool:
    """Access keys that many cores share, because making one takes long. Only for tests."""

    def __init__(self, algorithm: Algorithm = "RS256") -> None:
        """Raises ValueError for an algorithm that is neither."""
        if algorithm not in get_args(Algorithm):
            raise ValueError(f"fm_auth_algorithm is RS256 or ES256, not {algorithm!r}")
        self.algorithm = algorithm
        self._made: list[tuple[dict[str, str], dict[str, str]]] = []
        self._making = Lock()  # cores make their keys in threads

    def key(self, number: int, clock: Clock) -> SigningKey:
        """The key of this number, the same each time, as if ``clock`` had seen it made."""
        private, public = self._pair(number)
        return SigningKey(
            kid=public["kid"],
            use=KeyUse.ACCESS,
            algorithm=self.algorithm,
            status=KeyStatus.ACTIVE,
            created_at=clock.now(),
            private_jwk=Secret(json.dumps(private).encode()),
            public_jwk=public,
        )

    def private_jwk(self, number: int) -> dict[str, str]:
        """The key of this number as a JWK (RFC 7517)."""
        return self._pair(number)[0]

    def _pair(self, number: int) -> tuple[dict[str, str], dict[str, str]]:
        with self._making:
            while len(self._made) <= number:
                self._made.append(_new(self.algorithm))
            return self._made[number]


class PooledKeyGenerator:
    """Access keys from a pool, one after the other; refresh keys are as symmetric as ever."""

    def __init__(self, pool: KeyPool, clock: Clock, entropy: Entropy) -> None:
        self._pool = pool
        self._clock = clock
        self._symmetric = SymmetricKeyGenerator(clock, entropy)
        self._taken = 0

    def algorithm(self, use: KeyUse) -> str:
        """That of the pool, or HS256."""
        return self._pool.algorithm if use is KeyUse.ACCESS else self._symmetric.algorithm(use)

    def is_fixed(self, use: KeyUse) -> bool:  # noqa: ARG002 - of the port
        """No."""
        return False

    def given(self, use: KeyUse) -> SigningKey | None:  # noqa: ARG002 - of the port
        """None."""
        return None

    def generate(self, use: KeyUse) -> SigningKey:
        """The next key of the pool that this generator has not given away."""
        if use is KeyUse.REFRESH:
            return self._symmetric.generate(use)
        self._taken += 1
        return self._pool.key(self._taken - 1, self._clock)


class AsymmetricTokenSigner:
    """Genuine compact JWS (RFC 7515 §3.1) under RS256 or ES256; HS256 for refresh tokens."""

    def __init__(self) -> None:
        self._symmetric = SymmetricTokenSigner()

    def sign(self, claims: msgspec.Struct, *, key: SigningKey, typ: str) -> str:
        """header.payload.signature."""
        if key.algorithm == "HS256":
            return self._symmetric.sign(claims, key=key, typ=typ)
        header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
        signed = ".".join(encoded(msgspec.json.encode(part)) for part in (header, claims))
        return f"{signed}.{encoded(signature(key.private_jwk, signed.encode()))}"


def signature(private_jwk: Secret[bytes], data: bytes) -> bytes:
    """What a key of a `KeyPool` makes of ``data`` (RFC 7518 §3.3, §3.4)."""
    key = _imported(private_jwk.reveal())
    if isinstance(key, RSAKey):
        return cast("RSAPrivateKey", key.private_key).sign(data, PKCS1v15(), SHA256())
    der = cast("EllipticCurvePrivateKey", key.private_key).sign(data, ECDSA(SHA256()))
    return b"".join(part.to_bytes(_P256_BYTES) for part in decode_dss_signature(der))


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(segment: str) -> bytes:
    """The bytes of a segment."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _new(algorithm: Algorithm) -> tuple[dict[str, str], dict[str, str]]:
    """A private JWK and its public part."""
    key: RSAKey | ECKey = (
        RSAKey.generate_key(_RSA_BITS) if algorithm == "RS256" else ECKey.generate_key("P-256")
    )
    labels = {"kid": key.thumbprint(), "use": "sig", "alg": algorithm}
    private, public = (
        {name: str(value) for name, value in key.as_dict(private=secret).items()} | labels
        for secret in (True, False)
    )
    return private, public


@lru_cache(maxsize=16)  # reading an RSA key takes longer than signing with it
def _imported(private_jwk: bytes) -> RSAKey | ECKey:
    jwk: dict[str, Any] = json.loads(private_jwk)
    return RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)


if TYPE_CHECKING:
    _generator: type[KeyGenerator] = PooledKeyGenerator
    _signer: type[TokenSigner] = AsymmetricTokenSigner
