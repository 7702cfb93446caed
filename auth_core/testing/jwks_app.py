"""The public keys of a kit over ASGI, for services that read a JWKS by themselves."""

import json

from auth_core.testing.verifiers import CoreIssuer
from auth_core.tokens.verify import SourceLost
from auth_core.tokens.verify.asgi import Receive, Scope, Send
from auth_core.tokens.verify.issuer import JWKS_PATH


class JwksApp:
    """Answers ``GET /.well-known/jwks.json`` as the service does, and nothing else.

    Mount it, or reach it through a client for ASGI applications.
    """

    def __init__(self, issuer: CoreIssuer) -> None:
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Serve one request."""
        if scope["type"] != "http":
            return
        status, body = self._answer(scope["path"])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path != JWKS_PATH:
            return 404, b"{}"
        try:
            return 200, json.dumps(self._issuer.jwks()).encode()
        except SourceLost:
            return 503, b"{}"
