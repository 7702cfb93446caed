"""Requests for paths without parameters: one look finds the handler, and Litestar is left out.

Its router, its exception layer and its scope state cost as much as most of our routes do
(docs/benchmarks.md). A request that is not plain goes the long way, and so does one that went
wrong: Litestar alone answers those.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

HANDED_OVER: Final = "handed_over"
"""In the scope of a request that the gate has judged already: the exception that is to be
answered, or None when the request may pass and only its body needs more care.
"""
BEGUN: Final = "answer_begun"
"""In the scope of a request as soon as its answer has begun."""

Found = Mapping[str, Mapping[str, HTTPRouteHandler]]
"""Handlers by path and method."""

# what Litestar takes as well, without its odder signs
_HOST = re.compile(rb"[0-9A-Za-z._:-]*")


class FixedRoutes:
    """Serves what it finds, and passes on the rest."""

    def __init__(self, found: Found, gate: Callable[[ASGIApp], ASGIApp], litestar: ASGIApp) -> None:
        """``gate`` stands before every handler; ``litestar`` is the application behind its CORS."""
        self._found = found
        self._litestar = litestar
        self._gated = gate(self._pass_on)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        handler = self._handler(scope) if scope["type"] == ScopeType.HTTP else None
        if handler is None:
            await self._litestar(scope, receive, send)
            return
        scope["path_params"] = {}
        scope["path_template"] = scope["path"]
        scope["route_handler"] = handler
        try:
            await self._gated(scope, receive, send)
        except Exception as error:
            if BEGUN in scope:
                raise
            handed_over = error
        else:
            return
        scope[HANDED_OVER] = handed_over  # type: ignore[typeddict-unknown-key]
        try:
            await self._litestar(scope, receive, send)
        finally:
            # The error knows the frames that know the request that knows the error: until somebody
            # collected that, the connection of a body that was cut would stay open (SEC-52).
            handed_over.__traceback__ = None
            scope[HANDED_OVER] = None  # type: ignore[typeddict-unknown-key]

    def _handler(self, scope: HTTPScope) -> HTTPRouteHandler | None:
        methods = self._found.get(scope["path"])
        if methods is None or scope["root_path"]:
            return None
        for name, value in scope["headers"]:
            if name == b"host" and not _HOST.fullmatch(value):
                return None
        return methods.get(scope["method"])

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[HANDED_OVER] = None  # type: ignore[typeddict-unknown-key]
        await self._litestar(scope, receive, send)


def fixed_routes(
    routes: Iterable[BaseRoute], is_direct: Callable[[HTTPRouteHandler], bool]
) -> Found:
    """The handlers of paths without parameters that ``is_direct``."""
    found: defaultdict[str, dict[str, HTTPRouteHandler]] = defaultdict(dict)
    for route in routes:
        if not isinstance(route, HTTPRoute) or route.path_parameters:
            continue
        for handler in route.route_handlers:
            if is_direct(handler):
                found[route.path] |= dict.fromkeys(map(str, handler.http_methods), handler)
    return dict(found)
