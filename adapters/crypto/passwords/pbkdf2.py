"""PBKDF2 (RFC 8018 §5.2) as passlib writes it, and as Django does."""

import hashlib
import hmac

from adapters.crypto.passwords.reading import (
    UNKNOWN,
    Check,
    Refused,
    binary,
    number,
    parts,
)

PREFIXES = ("$pbkdf2", "pbkdf2_")
_ITERATIONS_MAX = 10_000_000
_DIGEST_MIN = 16
_PASSLIB = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_DJANGO = {"pbkdf2_sha1": "sha1", "pbkdf2_sha256": "sha256", "pbkdf2_sha512": "sha512"}


def read(text: str) -> Check:
    """The check of ``text``. Raises Refused."""
    if text.startswith("$"):
        _, name, iterations, salt, digest = parts(text, 5)
        raw, algorithm = binary(salt, low=0), _PASSLIB.get(name)
    else:
        name, iterations, salt, digest = parts(text, 4)
        raw, algorithm = salt.encode(), _DJANGO.get(name)
    if algorithm is None:
        raise Refused(UNKNOWN)
    return _checker(
        algorithm,
        number(iterations, low=1, high=_ITERATIONS_MAX),
        raw,
        binary(digest, low=_DIGEST_MIN),
    )


def _checker(algorithm: str, iterations: int, salt: bytes, digest: bytes) -> Check:
    def check(password: bytes) -> bool:
        made = hashlib.pbkdf2_hmac(algorithm, password, salt, iterations, len(digest))
        return hmac.compare_digest(made, digest)

    return check
