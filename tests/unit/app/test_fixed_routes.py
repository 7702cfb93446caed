"""Paths without parameters: served without Litestar's router, answered as if it had been there."""

from typing import Any

import msgspec
import pytest
from litestar import Litestar, Response, get, post
from litestar.params import FromPath, JSONBody
from litestar.testing import AsyncTestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from app.direct import MAX_BODY_BYTES, DirectCalls
from app.fixed_routes import BEGUN, HANDED_OVER, FixedRoutes, fixed_routes


class Body(msgspec.Struct, frozen=True):
    name: str


class Answer(msgspec.Struct, frozen=True):
    text: str


class OutOfOrderError(Exception):
    """What the handlers raise."""


@get("/fixed")
async def fixed() -> Answer:
    return Answer("fixed")


@post("/fixed", status_code=200)
async def named(data: JSONBody[Body]) -> Answer:
    return Answer(data.name)


@get("/broken")
async def broken() -> Answer:
    raise OutOfOrderError("broken")


@get("/open/{number:int}")
async def with_path(number: FromPath[int]) -> Answer:
    return Answer(str(number))


class Watched:
    """A service that notes who was admitted, and what its Litestar saw."""

    def __init__(self) -> None:
        self.admitted: list[str] = []
        self.long_way: list[str] = []
        calls = DirectCalls({}, {})

        def gate(app: ASGIApp) -> ASGIApp:
            async def handle(scope: Scope, receive: Receive, send: Send) -> None:
                error = scope.get(HANDED_OVER)
                if isinstance(error, Exception):
                    raise error
                if HANDED_OVER in scope:
                    await app(scope, receive, send)
                    return
                self.admitted.append(scope["path"])
                await calls(scope, receive, send, app)

            return handle

        self.app = Litestar(
            [fixed, named, broken, with_path],
            middleware=[gate],
            exception_handlers={OutOfOrderError: _explained},
            request_max_body_size=MAX_BODY_BYTES,
            logging_config=None,
            openapi_config=None,
        )
        litestar = self.app.asgi_handler

        async def long_way(scope: Scope, receive: Receive, send: Send) -> None:
            self.long_way.append(scope["path"])
            await litestar(scope, receive, send)

        found = fixed_routes(self.app.routes, calls.takes)
        self.app.asgi_handler = FixedRoutes(found, gate, long_way)

    def client(self) -> AsyncTestClient[Litestar]:
        return AsyncTestClient(self.app, raise_server_exceptions=False)


def _explained(_request: Any, error: Exception) -> Response[dict[str, str]]:
    return Response({"explained": str(error)}, status_code=418)


async def test_a_path_without_parameters_is_served_without_litestar() -> None:
    watched = Watched()

    async with watched.client() as client:
        read = await client.get("/fixed?at=once")
        sent = await client.post("/fixed", json={"name": "jane"})

    assert ({"text": "fixed"}, {"text": "jane"}) == (read.json(), sent.json())
    assert (["/fixed", "/fixed"], []) == (watched.admitted, watched.long_way)


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/open/7", "testserver", 200),
        ("/fixed/", "testserver", 200),
        ("/nowhere", "testserver", 404),
        ("/fixed", "te$tserver", 200),
        ("/fixed", "test/server", 400),
    ],
)
async def test_what_is_not_plain_goes_the_long_way(path: str, host: str, status: int) -> None:
    watched = Watched()

    async with watched.client() as client:
        answer = await client.get(path, headers={"Host": host})

    assert (status, 1) == (answer.status_code, len(watched.long_way))


async def test_another_method_is_refused_as_ever() -> None:
    watched = Watched()

    async with watched.client() as client:
        answer = await client.delete("/fixed")

    assert 405 == answer.status_code
    assert {"GET", "POST", "OPTIONS"} == set(answer.headers["Allow"].split(", "))


async def test_litestar_answers_what_went_wrong_and_the_handler_runs_once() -> None:
    watched = Watched()

    async with watched.client() as client:
        answer = await client.get("/broken")

    assert (418, {"explained": "broken"}) == (answer.status_code, answer.json())
    assert (["/broken"], ["/broken"]) == (watched.admitted, watched.long_way)


async def test_a_body_out_of_order_is_left_to_litestar_and_admitted_once() -> None:
    watched = Watched()

    async with watched.client() as client:
        answer = await client.post("/fixed", json={"name": ["jane"]})

    assert 400 == answer.status_code
    assert "name" in answer.text
    assert (["/fixed"], ["/fixed"]) == (watched.admitted, watched.long_way)


async def test_an_answer_that_has_begun_is_not_answered_again() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    def breaking(_app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, _receive: Receive, _send: Send) -> None:
            scope[BEGUN] = True  # type: ignore[typeddict-unknown-key]
            raise OutOfOrderError

        return handle

    async def litestar(_scope: Scope, _receive: Receive, _send: Send) -> None:
        sent.append("again")

    routes = fixed_routes(
        Litestar([fixed], openapi_config=None, logging_config=None).routes, lambda _handler: True
    )
    app = FixedRoutes(routes, breaking, litestar)
    scope: Any = {"type": "http", "path": "/fixed", "method": "GET", "root_path": "", "headers": []}

    with pytest.raises(OutOfOrderError):
        await app(scope, receive, send)

    assert [] == sent
