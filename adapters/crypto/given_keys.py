"""Keys that a deployment brings along: a private key in a PEM file, or the secret of HS256."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from auth_core.kernel import Misconfigured, Secret
from auth_core.keys import KeyStatus, KeyUse, SigningKey

MIN_RSA_BITS = 2048
_MAX_BYTES = 65536


def key_from_pem(path: Path, created_at: datetime) -> SigningKey:
    """The private key in a PEM file (PKCS #8, PKCS #1 or SEC 1, unencrypted) for access tokens.

    RSA of at least 2048 bits signs RS256, P-256 ES256, Ed25519 Ed25519. Raises Misconfigured.
    """
    try:
        private = load_pem_private_key(_content(path), password=None)
    except (ValueError, TypeError):  # the cause might quote the file
        raise Misconfigured(
            f"{path} is no unencrypted private key in PEM form (BEGIN PRIVATE KEY)"
        ) from None
    pem = _content(path)
    if isinstance(private, RSAPrivateKey) and private.key_size >= MIN_RSA_BITS:
        return _signing_key(RSAKey.import_key(pem), "RS256", created_at)
    if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        return _signing_key(ECKey.import_key(pem), "ES256", created_at)
    if isinstance(private, Ed25519PrivateKey):
        return _signing_key(OKPKey.import_key(pem), "Ed25519", created_at)
    raise Misconfigured(
        f"{path} holds a key that cannot be used: RSA of at least {MIN_RSA_BITS} bits, P-256 or"
        " Ed25519 is needed"
    )


def require_public_half(private: Path, public: Path) -> None:
    """Raise Misconfigured unless the PEM file ``public`` belongs to the one in ``private``."""
    try:
        expected = load_pem_private_key(_content(private), password=None).public_key()
        found = load_pem_public_key(_content(public))
    except (ValueError, TypeError):
        raise Misconfigured(f"{public} is no public key in PEM form (BEGIN PUBLIC KEY)") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if expected.public_bytes(*form) != found.public_bytes(*form):
        raise Misconfigured(
            f"{public} is not the public key of {private}: correct JWT_PUBLIC_KEY_PATH, or leave"
            " it out"
        )


def key_from_secret(secret: Secret[bytes], created_at: datetime) -> SigningKey:
    """The shared secret of the HS256 mode as a key for access tokens."""
    text = urlsafe_b64encode(secret.reveal()).rstrip(b"=").decode()
    return _signing_key(OctKey.import_key({"kty": "oct", "k": text}), "HS256", created_at)


def _signing_key(
    key: RSAKey | ECKey | OKPKey | OctKey, algorithm: str, created_at: datetime
) -> SigningKey:
    labels = {"kid": key.thumbprint(), "use": "sig", "alg": algorithm}
    private: dict[str, Any] = dict(key.as_dict(private=True))
    public = None
    if not isinstance(key, OctKey):
        public = {name: str(value) for name, value in key.as_dict(private=False).items()} | labels
    return SigningKey(
        kid=labels["kid"],
        use=KeyUse.ACCESS,
        algorithm=algorithm,
        status=KeyStatus.ACTIVE,
        created_at=created_at,
        private_jwk=Secret(json.dumps(private | labels).encode()),
        public_jwk=public,
    )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error
