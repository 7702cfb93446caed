"""A client and what it may do."""

from enum import StrEnum

import msgspec


class ClientPermission(StrEnum):
    """What a registered caller may ask for."""

    INTROSPECT = "introspect"
    REVOKE = "revoke"
    REVOCATIONS = "revocations"
    """Follow the revocation feed: what a verifier needs."""
    CHECK = "check"
    """Ask who may do what."""
    METRICS = "metrics"
    """Read what is counted."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered caller. Of its secret only the SHA-256 digest is known here."""

    client_id: str
    secret_digest: bytes
    allow: frozenset[ClientPermission] = frozenset()

    def may(self, permission: ClientPermission) -> bool:
        """Whether it holds a permission."""
        return permission in self.allow

    def __repr__(self) -> str:
        return f"Client(client_id={self.client_id!r}, secret='***')"
