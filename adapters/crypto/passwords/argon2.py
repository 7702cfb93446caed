"""Argon2 in PHC strings (RFC 9106): ours, with ``keyid`` when peppered, and foreign i, d and id."""

import argon2
from argon2.exceptions import VerificationError

from adapters.crypto.passwords.reading import (
    MALFORMED,
    Check,
    Refused,
    binary,
    number,
    parameters,
    unpadded,
)

PREFIXES = ("$argon2id$", "$argon2i$", "$argon2d$")
_TYPES = {"argon2id": argon2.Type.ID, "argon2i": argon2.Type.I, "argon2d": argon2.Type.D}
_OLDEST_VERSION, _NEWEST_VERSION = 16, 19
_MEMORY_MAX, _PASSES_MAX, _LANES_MAX = 1_048_576, 10, 16
_SALT_MIN, _DIGEST_MIN = 8, 16
_FIELDS = 6


def key_id(text: str) -> str | None:
    """The pepper key that ``text`` names, or None. Raises Refused."""
    return _fields(text)[2].get("keyid")


def read(text: str) -> Check:
    """The check of ``text``, for the password or, if it names a key, for its keyed digest."""
    kind, version, found, salt, digest = _fields(text)
    if not set(found) <= {"m", "t", "p", "keyid"}:
        raise Refused(MALFORMED)
    memory = number(found.get("m", ""), low=8, high=_MEMORY_MAX)
    passes = number(found.get("t", ""), low=1, high=_PASSES_MAX)
    lanes = number(found.get("p", ""), low=1, high=_LANES_MAX)
    if memory < 8 * lanes:
        raise Refused(MALFORMED)
    raw = unpadded(binary(salt, low=_SALT_MIN)), unpadded(binary(digest, low=_DIGEST_MIN))
    plain = f"${kind}$v={version}$m={memory},t={passes},p={lanes}${raw[0]}${raw[1]}".encode()

    def check(password: bytes) -> bool:
        try:
            return argon2.low_level.verify_secret(plain, password, _TYPES[kind])
        except VerificationError:
            return False

    return check


def _fields(text: str) -> tuple[str, int, dict[str, str], str, str]:
    fields = text.split("$")
    if len(fields) == _FIELDS - 1:  # before version 1.3 there was no version field
        fields.insert(2, f"v={_OLDEST_VERSION}")
    if len(fields) != _FIELDS or fields[1] not in _TYPES or not text.isascii():
        raise Refused(MALFORMED)
    _, kind, version, cost, salt, digest = fields
    given = number(version.removeprefix("v="), low=_OLDEST_VERSION, high=_NEWEST_VERSION)
    return kind, given, parameters(cost), salt, digest
