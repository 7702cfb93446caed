"""Calling handlers without what Litestar does for every request.

Litestar makes a coroutine for each dependency, a task group for two of them, a request, an exit
stack and a generic response: several times a bare route (docs/benchmarks.md). What our handlers
ask for is known beforehand, so most of them are called straight from the gate. A handler that asks
for more, and a body that is not in order, go through Litestar: it alone says what is wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Receive, Scope, Send

from app.api.answers import JsonAnswer
from app.errors import BODY_SECONDS

MAX_BODY_BYTES = 64 * 1024

OfScope = Callable[[Scope], object]

_decode = msgspec.json.Decoder().decode


class _Call(msgspec.Struct, frozen=True):
    """How one handler is called."""

    function: Callable[..., Awaitable[msgspec.Struct | ASGIResponse]]
    constants: dict[str, object]
    of_scope: tuple[tuple[str, OfScope], ...]
    body: type[msgspec.Struct] | None
    status: int


class DirectCalls:
    """Calls what it can, and passes on the rest."""

    def __init__(self, constants: Mapping[str, object], of_scope: Mapping[str, OfScope]) -> None:
        """What handlers may ask for by name: always the same, or made of the request's scope."""
        self._constants = constants
        self._of_scope = {"scope": _itself, **of_scope}
        self._calls: dict[HTTPRouteHandler, _Call | None] = {}

    async def __call__(
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        """Answer a request that has been routed. Raises what the handler raises."""
        call = self._known(cast("HTTPRouteHandler", scope["route_handler"]))
        if call is None or (call.body is not None and not _is_small(scope)):
            await next_app(scope, receive, send)
            return
        arguments = call.constants.copy()
        if call.body is not None:
            received = await _receive_body(receive)
            data = _read(received, call.body)
            if data is None:
                await next_app(scope, _again(received, receive), send)
                return
            arguments["data"] = data
        for name, of_scope in call.of_scope:
            arguments[name] = of_scope(scope)
        answer = await call.function(**arguments)
        if isinstance(answer, msgspec.Struct):
            answer = JsonAnswer(answer, call.status)
        await answer(scope, receive, send)

    def takes(self, handler: HTTPRouteHandler) -> bool:
        """Whether it calls this handler, unless the body is out of order."""
        return self._known(handler) is not None

    def _known(self, handler: HTTPRouteHandler) -> _Call | None:
        if handler not in self._calls:
            self._calls[handler] = self._call(handler)
        return self._calls[handler]

    def _call(self, handler: HTTPRouteHandler) -> _Call | None:
        signature = handler.parsed_fn_signature
        known = {"data", *self._constants, *self._of_scope}
        returned = signature.return_type.annotation
        if (
            _has_more(handler)
            or not signature.parameters.keys() <= known
            or not (isinstance(returned, type) and issubclass(returned, _ANSWERS))
        ):
            return None
        data = signature.parameters.get("data")
        return _Call(
            function=handler.fn,
            constants={
                name: self._constants[name]
                for name in signature.parameters
                if name in self._constants
            },
            of_scope=tuple(
                (name, self._of_scope[name])
                for name in signature.parameters
                if name in self._of_scope
            ),
            body=None if data is None else data.annotation,
            status=handler.status_code,
        )


def _has_more(handler: HTTPRouteHandler) -> bool:
    """Whether Litestar has something to do for it beside calling it: a guard is never left out."""
    return bool(
        handler.has_sync_callable
        or handler.resolve_guards()
        or handler.resolve_before_request()
        or handler.resolve_after_response()
        or any(getattr(layer, "after_request", None) for layer in handler.ownership_layers)
        or any(not header.documentation_only for header in handler.resolve_response_headers())
        or handler.resolve_response_cookies()
        or handler.resolve_data_dto()
        or handler.resolve_return_dto()
        or handler.cache
    )


_ANSWERS = (msgspec.Struct, ASGIResponse)


def _itself(scope: Scope) -> object:
    return scope


def _is_small(scope: Scope) -> bool:
    """Whether no other size than one that we take is announced."""
    for name, value in scope["headers"]:
        if name == b"content-length" and not (value.isdigit() and int(value) <= MAX_BODY_BYTES):
            return False
    return True


class _InTime:
    """`asyncio.timeout` of a body, at an eighth of what that costs. Raises HTTPException(408)."""

    __slots__ = ("_cancelling", "_over", "_task", "_timer")

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served in a task")
        self._task, self._cancelling, self._over = task, task.cancelling(), False
        self._timer = task.get_loop().call_later(BODY_SECONDS, self._interrupt)

    def _interrupt(self) -> None:
        self._over = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._timer.cancel()
        if not self._over:
            return
        alone = self._task.uncancel() <= self._cancelling  # of two who cancel the other is heard
        if alone and kind is asyncio.CancelledError:
            raise HTTPException(status_code=HTTPStatus.REQUEST_TIMEOUT) from error


async def _receive_body(receive: Receive) -> list[HTTPReceiveMessage]:
    """The messages of a whole body, in time (SEC-52), or as far as it is acceptable."""
    messages: list[HTTPReceiveMessage] = []
    size, more = 0, True
    with _InTime():
        while more and size <= MAX_BODY_BYTES:
            message = cast("HTTPReceiveMessage", await receive())
            messages.append(message)
            if message["type"] != "http.request":
                break
            size += len(message["body"])
            more = message.get("more_body", False)
    return messages


def _read(messages: list[HTTPReceiveMessage], kind: type[msgspec.Struct]) -> object | None:
    """The body as Litestar would read it, or None if anything is wrong with it."""
    if messages[-1]["type"] != "http.request" or messages[-1].get("more_body"):
        return None
    body = b"".join([each["body"] for each in messages if each["type"] == "http.request"])
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        return msgspec.convert(_decode(body), kind, strict=False)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _again(messages: list[HTTPReceiveMessage], receive: Receive) -> Receive:
    left = iter(messages)

    async def receive_again() -> Any:
        return next(left, None) or await receive()

    return receive_again
