"""Cryptography of the standard library, real in kind and toy in strength. Only for tests."""

import base64
import hashlib
import hmac
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from auth_core.credentials import PasswordHasher
from auth_core.kernel import Clock, Entropy, Secret, WrongMasterKey
from auth_core.keys import KeyGenerator, KeyStatus, KeyUse, Sealer, SigningKey
from auth_core.tokens import TokenSigner

_ALGORITHM = "HS256"
_NONCE_BYTES = 16
_NAME_BYTES = 8
_TAG_BYTES = 32
_KIND = "$toy-blake2b$"
_OLD_KIND = "$old-blake2b$"
_ABSENT = "$toy-blake2b$AAAAAAAAAAAAAAAAAAAAAA$"


class ToyPasswordHasher:
    """One salted BLAKE2b in a PHC string: quick, and no slow hash at all. Counts its work."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self.hashed = 0
        self.verified = 0

    async def hash(self, password: Secret[str]) -> Secret[str]:
        """``$toy-blake2b$salt$digest``."""
        self.hashed += 1
        salt = self._entropy.token_bytes(_NONCE_BYTES)
        return Secret(f"$toy-blake2b${_encode(salt)}${_digest(password, salt)}")

    async def verify(self, password: Secret[str], password_hash: Secret[str] | None) -> bool:
        """Compare with the stored digest, or with one that nothing has."""
        self.verified += 1
        stored = _ABSENT if password_hash is None else password_hash.reveal()
        if not stored.startswith((_KIND, _OLD_KIND)):
            stored = _ABSENT
        _, _, salt, digest = stored.split("$")
        return hmac.compare_digest(_digest(password, _decode(salt)), digest)

    def is_current(self, password_hash: Secret[str]) -> bool:
        """Whether it is of this kind, and not of the one with another name before it."""
        return password_hash.reveal().startswith(_KIND)


class ToySealer:
    """A keystream and a tag, both of HMAC-SHA256: encrypt, then authenticate with the context."""

    def __init__(
        self,
        master_key: Secret[bytes],
        entropy: Entropy,
        *,
        previous: Secret[bytes] | None = None,
    ) -> None:
        self._encryption = _hmac(master_key.reveal(), b"encryption")
        self._authentication = _hmac(master_key.reveal(), b"authentication")
        self._name = _hmac(master_key.reveal(), b"name")[:_NAME_BYTES]
        self._entropy = entropy
        self._previous = None if previous is None else ToySealer(previous, entropy)

    def seal(self, plaintext: Secret[bytes], *, context: str) -> bytes:
        """name of the master key, nonce, ciphertext, tag."""
        nonce = self._entropy.token_bytes(_NONCE_BYTES)
        body = self._name + nonce + self._crypt(plaintext.reveal(), nonce)
        return body + self._tag(body, context)

    def open(self, sealed: bytes, *, context: str) -> Secret[bytes]:
        """The plaintext, if nothing was changed."""
        if self._previous is not None and not self.is_current(sealed):
            return self._previous.open(sealed, context=context)
        body, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body, context)):
            message = "A sealed value cannot be opened: check AUTH_MASTER_KEY."
            raise WrongMasterKey(message)
        nonce, text = body[_NAME_BYTES:][:_NONCE_BYTES], body[_NAME_BYTES + _NONCE_BYTES :]
        return Secret(self._crypt(text, nonce))

    def is_current(self, sealed: bytes) -> bool:
        """Whether it begins with the name of the master key."""
        return sealed[:_NAME_BYTES] == self._name

    def _crypt(self, text: bytes, nonce: bytes) -> bytes:
        blocks = (_hmac(self._encryption, nonce + block.to_bytes(8)) for block in count())
        stream = (byte for block in blocks for byte in block)
        return bytes(left ^ right for left, right in zip(text, stream, strict=False))

    def _tag(self, body: bytes, context: str) -> bytes:
        return _hmac(self._authentication, len(body).to_bytes(8) + body + context.encode())


class SymmetricKeyGenerator:
    """Keys for HS256, the cheapest algorithm that a verifier accepts."""

    def __init__(self, clock: Clock, entropy: Entropy, *, given: SigningKey | None = None) -> None:
        """``given`` is the access key that the deployment brings along."""
        self._clock = clock
        self._entropy = entropy
        self._given = given

    def algorithm(self, use: KeyUse) -> str:  # noqa: ARG002
        """HS256."""
        return _ALGORITHM

    def is_fixed(self, use: KeyUse) -> bool:  # noqa: ARG002
        """No."""
        return False

    def given(self, use: KeyUse) -> SigningKey | None:
        """The access key that was given, or None."""
        return self._given if use is KeyUse.ACCESS else None

    def generate(self, use: KeyUse) -> SigningKey:
        """A new active key, named by its thumbprint (RFC 7638)."""
        secret = _encode(self._entropy.token_bytes(_TAG_BYTES))
        thumbprint = hashlib.sha256(msgspec.json.encode({"k": secret, "kty": "oct"})).digest()
        kid = _encode(thumbprint)
        jwk = {"kty": "oct", "k": secret, "use": "sig", "alg": _ALGORITHM, "kid": kid}
        return SigningKey(
            kid=kid,
            use=use,
            algorithm=_ALGORITHM,
            status=KeyStatus.ACTIVE,
            created_at=self._clock.now(),
            private_jwk=Secret(msgspec.json.encode(jwk)),
            public_jwk=None,
        )


class SymmetricTokenSigner:
    """Genuine compact JWS (RFC 7515 §3.1) under HS256."""

    def sign(self, claims: msgspec.Struct, *, key: SigningKey, typ: str) -> str:
        """header.payload.signature."""
        header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
        signed = ".".join(_encode(msgspec.json.encode(part)) for part in (header, claims))
        secret = msgspec.json.decode(key.private_jwk.reveal())["k"]
        return f"{signed}.{_encode(_hmac(_decode(secret), signed.encode()))}"


def _digest(password: Secret[str], salt: bytes) -> str:
    return _encode(hashlib.blake2b(password.reveal().encode(), salt=salt).digest())


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if TYPE_CHECKING:
    _hasher: type[PasswordHasher] = ToyPasswordHasher
    _sealer: type[Sealer] = ToySealer
    _generator: type[KeyGenerator] = SymmetricKeyGenerator
    _signer: type[TokenSigner] = SymmetricTokenSigner
