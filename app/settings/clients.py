"""Registered callers in a setting."""

import re
from typing import Annotated

import msgspec

from app.settings.parse import BadValue, Kind
from auth_core.clients import Client, ClientPermission, client_secret_digest
from auth_core.clients.registry import MIN_SECRET_LENGTH

_MAX_CLIENTS = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")

_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_ClientSecret = Annotated[str, msgspec.Meta(min_length=MIN_SECRET_LENGTH, max_length=256)]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    client_id: _Id
    allow: frozenset[ClientPermission]
    client_secret: _ClientSecret | None = None
    client_secret_sha256: str | None = None


def registered_clients() -> Kind:
    """A JSON list of clients, each with an id, a secret or its digest, and what it may do."""
    return Kind(
        parse=_parse,
        allowed='a JSON list like [{"client_id": "gateway", "client_secret": "<at least 32'
        ' characters>", "allow": ["introspect", "revoke", "revocations", "check", "metrics"]}];'
        ' "client_secret_sha256" in hexadecimal may stand for the secret',
    )


def _parse(text: str) -> tuple[Client, ...]:
    try:
        entries = msgspec.json.decode(text.encode(), type=list[_Entry])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        raise BadValue("is not such a list") from None  # the cause would quote a secret
    if len(entries) > _MAX_CLIENTS:
        raise BadValue("has too many clients")
    if len({entry.client_id for entry in entries}) != len(entries):
        raise BadValue("has a client twice")
    return tuple(
        Client(client_id=entry.client_id, secret_digest=_digest(entry), allow=entry.allow)
        for entry in entries
    )


def _digest(entry: _Entry) -> bytes:
    secret, digest = entry.client_secret, entry.client_secret_sha256
    if (secret is None) == (digest is None):
        raise BadValue("has a client without a secret, or with a secret and a digest")
    if secret is not None:
        return client_secret_digest(secret)
    if digest is None or not _DIGEST.fullmatch(digest):
        raise BadValue("has a digest that is not 64 hexadecimal digits in lower case")
    return bytes.fromhex(digest)
