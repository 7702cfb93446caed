"""Callers that a deployment registers, for tests, and how they say who they are."""

import base64
import hashlib
import json
from urllib.parse import quote_plus

SECRET = "a secret of the gateway: 100% ünicode"
OTHER_SECRET = "x" * 32
CLIENTS = [
    {
        "client_id": "gateway",
        "client_secret": SECRET,
        "allow": ["introspect", "revoke", "revocations"],
    },
    {
        "client_id": "verifier",
        "client_secret_sha256": hashlib.sha256(OTHER_SECRET.encode()).hexdigest(),
        "allow": ["revocations"],
    },
]
REGISTERED = {"AUTH_CLIENTS": json.dumps(CLIENTS)}


def basic(client_id: str = "gateway", client_secret: str = SECRET) -> dict[str, str]:
    """The header of client_secret_basic (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def posted(client_id: str = "gateway", client_secret: str = SECRET) -> dict[str, str]:
    """The parameters of client_secret_post."""
    return {"client_id": client_id, "client_secret": client_secret}
