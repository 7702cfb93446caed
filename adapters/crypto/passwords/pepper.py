"""A keyed digest before the hash: a stolen database alone lets nobody guess (NIST SP 800-63B-4).

HMAC-SHA-256 over the password in UTF-8. The key's id stands in the hash string; the key does not.
"""

import hmac
import re
from collections.abc import Sequence
from typing import TypeAlias

from auth_core.kernel import Misconfigured, Secret

KEY_ID = re.compile(r"[a-zA-Z0-9.-]{1,32}")
KEY_BYTES_MIN = 32


PepperKey: TypeAlias = tuple[str, Secret[bytes]]
"""A name of letters, digits, dots and dashes, as a PHC parameter takes it, and the key."""


class Pepper:
    """The keys of a deployment; the first one is used for new hashes."""

    def __init__(self, keys: Sequence[PepperKey] = ()) -> None:
        """Raises Misconfigured for a key that is too short or a name that does not fit."""
        for kid, key in keys:
            if not KEY_ID.fullmatch(kid) or len(key.reveal()) < KEY_BYTES_MIN:
                raise Misconfigured("A pepper key needs a plain name and at least 32 bytes.")
        self._keys = dict(keys)
        if len(self._keys) != len(keys):
            raise Misconfigured("Two pepper keys have one name.")
        self.current: str | None = keys[0][0] if keys else None
        """The name of the key for new hashes, or None without a pepper."""

    def knows(self, kid: str) -> bool:
        """Whether there is such a key."""
        return kid in self._keys

    def digest(self, password: bytes, kid: str | None) -> bytes:
        """What is hashed instead of the password; without a key the password itself."""
        if kid is None:
            return password
        return hmac.digest(self._keys[kid].reveal(), password, "sha256")
