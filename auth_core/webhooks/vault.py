"""Signing secrets on their way into storage and out of it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from auth_core.kernel import Secret
from auth_core.keys import Sealer
from auth_core.webhooks.model import EndpointId, WebhookEndpoint


class SecretVault:
    """Seals the secrets of endpoints, each bound to its endpoint."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, endpoint_id: EndpointId, secret: Secret[str]) -> bytes:
        """The secret as it is stored."""
        return self._sealer.seal(Secret(secret.reveal().encode()), context=_context(endpoint_id))

    def signing(self, endpoint: WebhookEndpoint, now: datetime) -> Sequence[Secret[str]]:
        """The secrets that sign at ``now``, the current one first. Raises WrongMasterKey."""
        secrets = [self._open(endpoint.id, endpoint.sealed_secret)]
        previous, expires_at = endpoint.sealed_previous_secret, endpoint.previous_expires_at
        if previous is not None and expires_at is not None and expires_at > now:
            secrets.append(self._open(endpoint.id, previous))
        return secrets

    def resealed(self, endpoint: WebhookEndpoint) -> WebhookEndpoint | None:
        """The endpoint with its secrets under the current master key, None if they are already.

        Raises WrongMasterKey.
        """
        current, previous = endpoint.sealed_secret, endpoint.sealed_previous_secret
        if all(self._sealer.is_current(each) for each in (current, previous) if each is not None):
            return None
        return msgspec.structs.replace(
            endpoint,
            sealed_secret=self._renewed(endpoint.id, current),
            sealed_previous_secret=(
                None if previous is None else self._renewed(endpoint.id, previous)
            ),
        )

    def _renewed(self, endpoint_id: EndpointId, sealed: bytes) -> bytes:
        return self.seal(endpoint_id, self._open(endpoint_id, sealed))

    def _open(self, endpoint_id: EndpointId, sealed: bytes) -> Secret[str]:
        return Secret(self._sealer.open(sealed, context=_context(endpoint_id)).reveal().decode())


def _context(endpoint_id: EndpointId) -> str:
    return f"webhook:{endpoint_id}"
