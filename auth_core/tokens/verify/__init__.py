"""Verifying our access tokens in another service: keys and revocations come over the network,
tokens are checked in memory.

Needs the extra ``fm-auth-core[jose]``. `BearerMiddleware` puts it in front of an ASGI application.
"""

from auth_core.tokens.verify.asgi import BearerMiddleware
from auth_core.tokens.verify.claimed import subject_of_claims
from auth_core.tokens.verify.issuer import HttpIssuer
from auth_core.tokens.verify.ports import (
    Alive,
    Feed,
    FeedMessage,
    FetchedKeys,
    Introspector,
    KeySource,
    Reset,
    Revocation,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)
from auth_core.tokens.verify.transport import Answer, ByteStream, HttpTransport, Transport
from auth_core.tokens.verify.verifier import SyncTokenVerifier, TokenVerifier

__all__ = [
    "Alive",
    "Answer",
    "BearerMiddleware",
    "ByteStream",
    "Feed",
    "FeedMessage",
    "FetchedKeys",
    "HttpIssuer",
    "HttpTransport",
    "Introspector",
    "KeySource",
    "Reset",
    "Revocation",
    "RevocationSource",
    "Revoked",
    "Snapshot",
    "SourceLost",
    "SyncTokenVerifier",
    "TokenVerifier",
    "Transport",
    "subject_of_claims",
]
