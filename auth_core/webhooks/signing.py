"""Standard Webhooks 1.0: how deliveries are signed, and how a receiver checks them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from auth_core.kernel import AuthCoreError, Entropy, Secret

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
TOLERANCE = timedelta(minutes=5)
"""How far the time of a delivery may be from the receiver's, either way."""

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_SECRET_MIN, _SECRET_MAX = 24, 64
_VERSION = "v1"
_MOST_SIGNATURES = 16
_TIMESTAMP_DIGITS = 12


class WebhookRefused(AuthCoreError):
    """A delivery that is forged, altered, too old or too new. The message says which, no more."""

    code = "webhook_refused"


class ReceivedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A genuine delivery. ``id`` is the same each time that one event is delivered."""

    id: str
    sent_at: datetime


def new_secret(entropy: Entropy) -> Secret[str]:
    """``whsec_`` and 32 random bytes in base64."""
    return Secret(_PREFIX + base64.b64encode(entropy.token_bytes(_SECRET_BYTES)).decode())


def signed_headers(
    secrets: Sequence[Secret[str]], message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers of one delivery at ``at``, with one signature for each secret."""
    timestamp = int(at.timestamp())
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(
            f"{_VERSION},{_signature(secret, message_id, timestamp, body)}" for secret in secrets
        ),
    }


def verify(
    secrets: Secret[str] | Sequence[Secret[str]],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> ReceivedWebhook:
    """What a receiver does first: check that a delivery is ours, whole, and of now.

    ``secrets``: one, or two while it rotates. ``headers`` in any case; ``body`` as it came in, byte
    by byte. Signatures are compared in constant time (SEC-68). Within the tolerance the same
    delivery may come again, and after it as a retry: remember `ReceivedWebhook.id`. Raises
    WebhookRefused; ValueError for a secret that is none.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    message_id, signatures = sent.get(ID_HEADER, ""), sent.get(SIGNATURE_HEADER, "")
    timestamp = _timestamp(sent.get(TIMESTAMP_HEADER, ""))
    if not message_id or not signatures:
        raise WebhookRefused("A header is missing.")
    if abs(timestamp - int(now.timestamp())) > tolerance.total_seconds():
        raise WebhookRefused("The delivery is too old, or a clock is wrong.")
    given = [
        value.encode(errors="replace")
        for version, _, value in (each.partition(",") for each in signatures.split(" "))
        if version == _VERSION
    ][:_MOST_SIGNATURES]
    genuine = False
    for secret in [secrets] if isinstance(secrets, Secret) else secrets:
        expected = _signature(secret, message_id, timestamp, body).encode()
        for each in given:
            genuine |= hmac.compare_digest(expected, each)
    if not genuine:
        raise WebhookRefused("No signature fits.")
    return ReceivedWebhook(id=message_id, sent_at=datetime.fromtimestamp(timestamp, UTC))


def _timestamp(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _TIMESTAMP_DIGITS):
        raise WebhookRefused("The time is missing or is no number.")
    return int(text)


def _signature(secret: Secret[str], message_id: str, timestamp: int, body: bytes) -> str:
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: Secret[str]) -> bytes:
    text = secret.reveal().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SECRET_MIN <= len(key) <= _SECRET_MAX:
        raise ValueError("a webhook secret is whsec_ and 24 to 64 bytes in base64")
    return key
