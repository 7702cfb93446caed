"""ASGI middleware that lets only bearers of valid access tokens through. Needs no framework."""

import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from auth_core.kernel import AuthCoreError, Unauthenticated, Unavailable
from auth_core.tokens.bearer import bearer_challenge, bearer_token
from auth_core.tokens.claims import AccessClaims

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBLEM_JSON = b"application/problem+json"
POLICY_VIOLATION = 1008
"""Close code of a WebSocket (RFC 6455 §7.4.1)."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Verifier(Protocol):
    """What `TokenVerifier` offers."""

    async def verify(self, token: str) -> AccessClaims:
        """The claims of a valid token. Raises InvalidToken, TokenExpired or Unavailable."""
        ...


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    request_id: str


class BearerMiddleware:
    """Stands before ``app``: every HTTP request and WebSocket needs a token, and ``exempt`` do not.

    The claims go to ``scope["auth"]`` (`AccessClaims`). Others are answered as the issuer answers
    them: 401 or 503 in problem+json (RFC 9457); a WebSocket is closed before it opens.
    ``exempt`` are whole paths, compared with ``scope["path"]`` character by character; for these,
    and for OPTIONS, which browsers send without a token, ``scope["auth"]`` is None.
    The verifier is started and closed by whoever made it.
    """

    def __init__(self, app: App, verifier: Verifier, *, exempt: Collection[str] = ()) -> None:
        self._app = app
        self._verifier = verifier
        self._exempt = frozenset(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["auth"] = None
        if scope["path"] not in self._exempt and scope.get("method") != "OPTIONS":
            try:
                scope["auth"] = await self._verifier.verify(bearer_token(_authorization(scope)))
            except (Unauthenticated, Unavailable) as error:
                await _refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)


def _authorization(scope: Scope) -> str:
    # several headers mean a list (RFC 9110 §5.3), and a list is no token
    return b", ".join(_sent(scope, b"authorization")).decode("latin-1")


def _sent(scope: Scope, name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header.lower() == name]


async def _refuse(
    error: Unauthenticated | Unavailable, scope: Scope, receive: Receive, send: Send
) -> None:
    if scope["type"] == "websocket":
        await receive()  # its "connect"
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    if isinstance(error, Unauthenticated):
        status, header = HTTPStatus.UNAUTHORIZED, (b"www-authenticate", bearer_challenge(error))
    else:
        status, header = HTTPStatus.SERVICE_UNAVAILABLE, (b"retry-after", str(error.retry_after))
    body = b"" if scope["method"] == "HEAD" else _problem(error, status, scope)
    headers = [
        (b"content-type", PROBLEM_JSON),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (header[0], header[1].encode()),
    ]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(error: AuthCoreError, status: HTTPStatus, scope: Scope) -> bytes:
    return msgspec.json.encode(
        _Problem(
            type=f"urn:faultmaven:auth:problem:{error.code}",
            title=status.phrase,
            status=status,
            detail=error.message,
            code=error.code,
            message=error.message,
            request_id=_request_id(scope),
        )
    )


def _request_id(scope: Scope) -> str:
    """Whatever was given to the request further out, or came with it; else a new one."""
    candidates = [scope.get("request_id"), *_sent(scope, b"x-request-id")]
    for candidate in candidates:
        text = candidate.decode("latin-1") if isinstance(candidate, bytes) else str(candidate or "")
        if _REQUEST_ID.fullmatch(text):
            return text
    return uuid4().hex
