"""Envelope encryption: every value under a key of its own, that key under the master key.

Layout: version 1 | master key id 8 | nonce 12 | wrapped data key 48 | nonce 12 | ciphertext.
AES-256-GCM both times (NIST SP 800-38D). The context and all that stands before a ciphertext are
authenticated with it, so a sealed value cannot be moved to another row or relabelled.
"""

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth_core.kernel import Secret, WrongMasterKey
from auth_core.keys import Sealer

_VERSION = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_WRAPPED_BYTES = _KEY_BYTES + 16
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES


class EnvelopeSealer:
    """Seals small secrets under a master key of 32 bytes, which is never stored."""

    def __init__(self, master_key: Secret[bytes], *, previous: Secret[bytes] | None = None) -> None:
        """``previous`` opens what was sealed under it and seals nothing any more."""
        self._key_id, self._master = _master(master_key)
        self._masters = {self._key_id: self._master}
        if previous is not None:
            key_id, master = _master(previous)
            self._masters.setdefault(key_id, master)

    @property
    def key_id(self) -> str:
        """A public name of the master key, to tell two of them apart."""
        return self._key_id.hex()

    def seal(self, plaintext: Secret[bytes], *, context: str) -> bytes:
        """Encrypt under a fresh data key, bound to ``context``."""
        header = _VERSION + self._key_id
        data_key = AESGCM.generate_key(_KEY_BYTES * 8)
        key_nonce, nonce = os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
        bound = header + context.encode()
        wrapped = self._master.encrypt(key_nonce, data_key, bound)
        ciphertext = AESGCM(data_key).encrypt(nonce, plaintext.reveal(), bound)
        return header + key_nonce + wrapped + nonce + ciphertext

    def open(self, sealed: bytes, *, context: str) -> Secret[bytes]:
        """Decrypt what `seal` made. Raises WrongMasterKey and opens nothing on any difference."""
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header[:1] != _VERSION:
            raise WrongMasterKey("a sealed value has an unknown format; it may be damaged")
        master = self._masters.get(header[1:])
        if master is None:
            raise WrongMasterKey(
                f"the stored keys are sealed under master key {header[1:].hex()}, "
                f"AUTH_MASTER_KEY is {self.key_id}: give the service the key it was set up with"
            )
        key_nonce, rest = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        wrapped, rest = rest[:_WRAPPED_BYTES], rest[_WRAPPED_BYTES:]
        nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        bound = header + context.encode()
        try:
            data_key = master.decrypt(key_nonce, wrapped, bound)
            return Secret(AESGCM(data_key).decrypt(nonce, ciphertext, bound))
        except (InvalidTag, ValueError) as error:
            raise WrongMasterKey(
                "a sealed value does not open: it is damaged or was moved from another row"
            ) from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether it names the master key that `seal` uses."""
        return sealed[:_HEADER_BYTES] == _VERSION + self._key_id


def _master(master_key: Secret[bytes]) -> tuple[bytes, AESGCM]:
    key = master_key.reveal()
    if len(key) != _KEY_BYTES:
        message = f"the master key has {len(key)} bytes and needs {_KEY_BYTES}"
        raise WrongMasterKey(message)
    key_id = hashlib.sha256(b"fm-auth master key id\0" + key).digest()[:_KEY_ID_BYTES]
    return key_id, AESGCM(key)


if TYPE_CHECKING:
    _: type[Sealer] = EnvelopeSealer
