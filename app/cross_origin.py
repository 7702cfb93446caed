"""Requests that browsers send for pages of other origins."""

import msgspec
from litestar.enums import ScopeType
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import PROBLEM_JSON, StrictRequest, problem

_REFUSED = (
    "This request is not allowed from another origin: its origin, its method or one of its headers"
    " is not on the list. See CORS_ORIGINS."
)


class CrossOrigin:
    """Litestar's CORS middleware, but for its refusals: they look like every other error."""

    def __init__(self, cors: ASGIApp) -> None:
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that has an Origin."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "OPTIONS":
            await self._cors(scope, receive, send)
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._cors(scope, receive, keep)
        if any(message.get("status") == 400 for message in messages):  # noqa: PLR2004
            await _refusal(scope)(scope, receive, send)
            return
        for message in messages:
            await send(message)


def _refusal(scope: Scope) -> ASGIResponse:
    content = problem(StrictRequest(scope), 400, "cross_origin_refused", _REFUSED).content
    return ASGIResponse(body=msgspec.json.encode(content), status_code=400, media_type=PROBLEM_JSON)
