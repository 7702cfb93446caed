"""What tokens need from cryptography."""

from typing import Protocol

import msgspec

from auth_core.keys import SigningKey


class TokenSigner(Protocol):
    """Makes compact JWS (RFC 7515 §3.1)."""

    def sign(self, claims: msgspec.Struct, *, key: SigningKey, typ: str) -> str:
        """Sign ``claims`` as JSON, with ``alg``, ``kid`` and ``typ`` in the header."""
        ...
