"""Tokens that somebody made or bent: each differs from a good one in one thing.

Needs the extra ``fm-auth-core[jose]``.
"""

import hmac
import json
from functools import cache
from typing import Any, cast

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey

from auth_core.kernel import Secret
from auth_core.keys import SigningKey
from auth_core.testing.jose import KeyPool, decoded, encoded, signature

LEFT_OUT = ...
"""In place of a value: the member is left out."""

Document = dict[str, Any] | bytes


class Forge(msgspec.Struct, frozen=True, kw_only=True):
    """A good access token, the private key that signed it, and a refresh token beside it.

    ``now`` is in epoch seconds, by the clock of whoever verifies.
    """

    token: str
    private_jwk: Secret[bytes]
    refresh_token: str
    now: int

    @classmethod
    def of(cls, token: str, key: SigningKey, *, refresh_token: str, now: int) -> "Forge":
        """With the key as the service has it."""
        return cls(token=token, private_jwk=key.private_jwk, refresh_token=refresh_token, now=now)

    @property
    def header(self) -> dict[str, Any]:
        """The header of the good token."""
        return _part(self.token, 0)

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the good token."""
        return _part(self.token, 1)

    def signed(self, header: Document, claims: Document) -> str:
        """With the genuine key, whatever header and claims say."""
        text = f"{_segment(header)}.{_segment(claims)}"
        return f"{text}.{encoded(signature(self.private_jwk, text.encode()))}"

    def with_header(self, **changes: Any) -> str:
        """The good token with another header, genuinely signed."""
        return self.signed(_changed(self.header, changes), self.claims)

    def with_claims(self, **changes: Any) -> str:
        """The good token with other claims, genuinely signed."""
        return self.signed(self.header, _changed(self.claims, changes))

    def with_raw_header(self, text: str) -> str:
        """The good token under this header, genuinely signed."""
        return self.signed(text.encode(), self.claims)

    def with_raw_claims(self, text: str) -> str:
        """The good token with these claims, genuinely signed."""
        return self.signed(self.header, text.encode())

    def by_stranger(self, **header: Any) -> str:
        """All is right, but somebody else's key signed it."""
        own = Forge(
            token=self.token, private_jwk=_stranger(self.header["alg"]), refresh_token="", now=0
        )
        return own.with_header(**header)

    def unsigned(self, alg: str) -> str:
        """No signature, and ``alg`` says so."""
        return self.with_header(alg=alg).rpartition(".")[0] + "."

    def hs256(self, secret: bytes) -> str:
        """An HS256 under something that is no secret (RFC 8725 §2.1)."""
        text = self.with_header(alg="HS256").rpartition(".")[0]
        return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"

    def with_signature(self, bent: bytes) -> str:
        """The good token with other bytes for a signature."""
        return f"{self.token.rpartition('.')[0]}.{encoded(bent)}"

    @property
    def signature(self) -> bytes:
        """That of the good token."""
        return decoded(self.token.rpartition(".")[2])

    def public_key(self, encoding: Encoding) -> bytes:
        """The public key as everybody can write it down."""
        jwk = json.loads(self.private_jwk.reveal())
        key = RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)
        return key.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)

    def public_jwk_of_stranger(self) -> dict[str, Any]:
        """The key that a token of `by_stranger` would like to bring along."""
        jwk = json.loads(_stranger(self.header["alg"]).reveal())
        return {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}


@cache
def _stranger(algorithm: str) -> Secret[bytes]:
    pool = KeyPool("ES256" if algorithm == "ES256" else "RS256")
    return Secret(json.dumps(pool.private_jwk(0)).encode())


def _part(token: str, position: int) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(decoded(token.split(".")[position])))


def _segment(document: Document) -> str:
    return encoded(document if isinstance(document, bytes) else json.dumps(document).encode())


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in (document | changes).items() if each is not LEFT_OUT}
