"""Authenticating clients by a secret that they share with us (RFC 6749 §2.3.1)."""

import hashlib
import hmac
from collections.abc import Iterable

from auth_core.clients.model import Client
from auth_core.kernel import InvalidClient

MIN_SECRET_LENGTH = 32
"""Characters. At 112 bits and more a fast digest is enough (OWASP ASVS 5.0 §6.5.2)."""

_NOBODY = Client(client_id="", secret_digest=bytes(32))


class ClientRegistry:
    """The clients of a deployment, which do not change while it runs."""

    def __init__(self, clients: Iterable[Client] = ()) -> None:
        self._clients = {client.client_id: client for client in clients}

    def authenticate(self, client_id: str, client_secret: str) -> Client:
        """The client with these credentials. Raises InvalidClient.

        The same work for an unknown client as for a wrong secret (SEC-44, SEC-68).
        """
        client = self._clients.get(client_id, _NOBODY)
        digest = client_secret_digest(client_secret)
        if not hmac.compare_digest(digest, client.secret_digest) or client is _NOBODY:
            raise InvalidClient
        return client


def client_secret_digest(client_secret: str) -> bytes:
    """What is kept of a client secret."""
    return hashlib.sha256(client_secret.encode(errors="surrogatepass")).digest()
