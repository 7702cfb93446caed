"""Firebase's scrypt: the derived key encrypts the project's signer key (firebase/scrypt).

``$firebase-scrypt$ln=14,r=8,ss=SALT_SEPARATOR,sk=SIGNER_KEY$SALT$HASH``, all four in base64. The
signer key is the project's secret; ``fm-auth user import`` gets it with every line.
"""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.crypto.passwords import scrypt
from adapters.crypto.passwords.reading import (
    MALFORMED,
    Check,
    Refused,
    binary,
    number,
    parameters,
    parts,
)

PREFIXES = ("$firebase-scrypt$",)
_LOG_COST_MAX, _ROUNDS_MAX = 17, 8
_AES_KEY_BYTES, _BLOCK_BYTES = 32, 16


def read(text: str) -> Check:
    """The check of ``text``. Raises Refused."""
    _, _, cost, salt, digest = parts(text, 5)
    found = parameters(cost)
    if set(found) != {"ln", "r", "ss", "sk"}:
        raise Refused(MALFORMED)
    log_cost = number(found["ln"], low=1, high=_LOG_COST_MAX)
    rounds = number(found["r"], low=1, high=_ROUNDS_MAX)
    salted = binary(salt) + binary(found["ss"], low=0)
    signer_key, expected = binary(found["sk"]), binary(digest)

    def check(password: bytes) -> bool:
        key = scrypt.derive(
            password,
            salt=salted,
            cost=1 << log_cost,
            block=rounds,
            lanes=1,
            size=_AES_KEY_BYTES,
        )
        cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(_BLOCK_BYTES))).encryptor()
        return hmac.compare_digest(cipher.update(signer_key) + cipher.finalize(), expected)

    return check
