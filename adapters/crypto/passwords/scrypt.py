"""scrypt (RFC 7914) as passlib writes it, and as Django does."""

import hashlib
import hmac

from adapters.crypto.passwords.reading import (
    MALFORMED,
    Check,
    Refused,
    binary,
    number,
    parameters,
    parts,
)

PREFIXES = ("$scrypt$", "scrypt$")
_LOG_COST_MAX, _BLOCK_MAX, _LANES_MAX = 17, 8, 10
_DIGEST_MIN = 16
_SPARE_BYTES = 1 << 20


def read(text: str) -> Check:
    """The check of ``text``. Raises Refused."""
    if text.startswith("$"):
        _, _, cost, salt, digest = parts(text, 5)
        found = parameters(cost)
        if set(found) != {"ln", "r", "p"}:
            raise Refused(MALFORMED)
        return checker(
            salt=binary(salt),
            digest=binary(digest, low=_DIGEST_MIN),
            cost=1 << number(found["ln"], low=1, high=_LOG_COST_MAX),
            block=number(found["r"], low=1, high=_BLOCK_MAX),
            lanes=number(found["p"], low=1, high=_LANES_MAX),
        )
    _, cost, salt, block, lanes, digest = parts(text, 6)
    size = number(cost, low=2, high=1 << _LOG_COST_MAX)
    if size & (size - 1):
        raise Refused(MALFORMED)
    return checker(
        salt=salt.encode(),
        digest=binary(digest, low=_DIGEST_MIN),
        cost=size,
        block=number(block, low=1, high=_BLOCK_MAX),
        lanes=number(lanes, low=1, high=_LANES_MAX),
    )


def checker(*, salt: bytes, digest: bytes, cost: int, block: int, lanes: int) -> Check:
    """Compares what scrypt makes of a password with ``digest``."""

    def check(password: bytes) -> bool:
        made = derive(password, salt=salt, cost=cost, block=block, lanes=lanes, size=len(digest))
        return hmac.compare_digest(made, digest)

    return check


def derive(password: bytes, *, salt: bytes, cost: int, block: int, lanes: int, size: int) -> bytes:
    """The derived key, with as much memory as its parameters need."""
    memory = 128 * block * (cost + lanes + 2) + _SPARE_BYTES
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=lanes, maxmem=memory, dklen=size)
