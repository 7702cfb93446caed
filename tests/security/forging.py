"""Making tokens with the service's own key, so that each differs from a good one in one thing."""

import base64
import json
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from app.container import Container
from app.settings import load_settings
from auth_core.keys import KeyUse, SigningKey
from tests.api.asking import claims_of, header_of, unbase64


class Forge(msgspec.Struct, frozen=True):
    """A good token, and the key that signed it."""

    token: str
    key: rsa.RSAPrivateKey

    @classmethod
    def of(cls, token: str, stolen: SigningKey) -> Self:
        """A forge for tokens like this one."""
        jwk = {
            name: int.from_bytes(unbase64(value))
            for name, value in json.loads(stolen.private_jwk.reveal()).items()
            if name in {"n", "e", "d", "p", "q", "dp", "dq", "qi"}
        }
        public = rsa.RSAPublicNumbers(jwk["e"], jwk["n"])
        numbers = rsa.RSAPrivateNumbers(
            jwk["p"], jwk["q"], jwk["d"], jwk["dp"], jwk["dq"], jwk["qi"], public
        )
        return cls(token, numbers.private_key())

    @property
    def header(self) -> dict[str, Any]:
        """The header of the good token."""
        return header_of(self.token)

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the good token."""
        return claims_of(self.token)

    def sign(self, header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes) -> str:
        """A token with this header and these claims, with a genuine RS256 signature."""
        signed = f"{_segment(header)}.{_segment(claims)}"
        signature = self.key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{encode(signature)}"

    def with_header(self, **changes: Any) -> str:
        """The good token with another header; a change to ... leaves a member out."""
        return self.sign(_changed(self.header, changes), self.claims)

    def with_claims(self, **changes: Any) -> str:
        """The good token with other claims; a change to ... leaves a member out."""
        return self.sign(self.header, _changed(self.claims, changes))


async def stolen_key(environ: dict[str, str], use: KeyUse) -> SigningKey:
    """The key that signs now, as only somebody with the master key can read it."""
    container = Container(load_settings(environ))
    try:
        key = (await container.core.keys.ring()).active(use)
    finally:
        await container.close()
    assert key is not None
    return key


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _segment(document: dict[str, Any] | bytes) -> str:
    return encode(document if isinstance(document, bytes) else json.dumps(document).encode())


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (document | changes).items() if value is not ...}
