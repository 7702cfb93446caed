"""Signing tokens and making signing keys, on joserfc."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from auth_core.kernel import Clock, Secret
from auth_core.keys import KeyGenerator, KeyStatus, KeyUse, SigningKey
from auth_core.tokens import TokenSigner

RSA_BITS = 2048
SYMMETRIC_BITS = 256
REFRESH_ALGORITHM = "HS256"

_Jwk = RSAKey | ECKey | OKPKey | OctKey

_GENERATE: Mapping[str, Callable[[], _Jwk]] = {
    "RS256": lambda: RSAKey.generate_key(RSA_BITS),
    "HS256": lambda: OctKey.generate_key(SYMMETRIC_BITS),
}
_IMPORT: Mapping[str, Callable[[Any], _Jwk]] = {
    "RS256": RSAKey.import_key,
    "HS256": OctKey.import_key,
}


class JoseSigner:
    """Compact JWS with ``alg``, ``kid`` and ``typ`` in the header. CPU only: an RS256 is ~1 ms."""

    def __init__(self) -> None:
        self._keys: dict[str, _Jwk] = {}

    def sign(self, claims: msgspec.Struct, *, key: SigningKey, typ: str) -> str:
        """Sign ``claims`` as JSON."""
        imported = self._keys.get(key.kid)
        if imported is None:
            imported = _IMPORT[key.algorithm](json.loads(key.private_jwk.reveal()))
            self._keys[key.kid] = imported
        header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
        return jws.serialize_compact(
            header, msgspec.json.encode(claims), imported, algorithms=[key.algorithm]
        )


class JoseKeyGenerator:
    """New keys: the configured algorithm for access tokens, HS256 for our own refresh tokens."""

    def __init__(self, clock: Clock, *, access_algorithm: str = "RS256") -> None:
        self._clock = clock
        self._algorithms = {KeyUse.ACCESS: access_algorithm, KeyUse.REFRESH: REFRESH_ALGORITHM}

    def generate(self, use: KeyUse) -> SigningKey:
        """A new active key; its id is the thumbprint of the key (RFC 7638)."""
        algorithm = self._algorithms[use]
        key = _GENERATE[algorithm]()
        kid = key.thumbprint()
        labels = {"kid": kid, "use": "sig", "alg": algorithm}
        symmetric = isinstance(key, OctKey)
        return SigningKey(
            kid=kid,
            use=use,
            algorithm=algorithm,
            status=KeyStatus.ACTIVE,
            created_at=self._clock.now(),
            private_jwk=Secret(json.dumps(key.as_dict(private=True) | labels).encode()),
            public_jwk=None if symmetric else _public(key) | labels,
        )


def _public(key: _Jwk) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


if TYPE_CHECKING:
    _signer: type[TokenSigner] = JoseSigner
    _generator: type[KeyGenerator] = JoseKeyGenerator
