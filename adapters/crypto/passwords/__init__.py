"""Password hashing: argon2id of our own, and what other services have stored.

One module per kind of hash. Each reads a stored string into a `Check`, or refuses it unread.
"""

from adapters.crypto.passwords.foreign import StoredHashes
from adapters.crypto.passwords.hasher import QUEUE_PER_THREAD, Argon2Hasher
from adapters.crypto.passwords.pepper import Pepper, PepperKey

__all__ = [
    "QUEUE_PER_THREAD",
    "Argon2Hasher",
    "Pepper",
    "PepperKey",
    "StoredHashes",
]
