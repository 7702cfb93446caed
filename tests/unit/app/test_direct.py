"""Handlers that are called without Litestar's machinery, and what is left to it."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.params import FromPath, JSONBody
from litestar.testing import AsyncTestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from app.direct import MAX_BODY_BYTES, DirectCalls, _receive_body


class Body(msgspec.Struct, frozen=True):
    name: str


class Answer(msgspec.Struct, frozen=True):
    text: str


@post("/direct", status_code=200)
async def direct(
    data: JSONBody[Body], greeting: NamedDependency[str], path: NamedDependency[str]
) -> Answer:
    return Answer(f"{greeting} {data.name} {path}")


@post("/path/{number:int}", status_code=200)
async def with_path(number: FromPath[int], greeting: NamedDependency[str]) -> Answer:
    return Answer(f"{greeting} {number}")


def refuse(_connection: object, _handler: object) -> None:
    raise PermissionDeniedException


@post("/guarded", status_code=200, guards=[refuse])
async def guarded(greeting: NamedDependency[str]) -> Answer:
    return Answer(greeting)


@get("/headed", response_headers=[ResponseHeader(name="X-Said", value="yes")])
async def headed(greeting: NamedDependency[str]) -> Answer:
    return Answer(greeting)


def service(passed_on: list[str]) -> Litestar:
    def path_of(scope: Scope) -> str:
        return scope["path"]

    calls = DirectCalls({"greeting": "hello"}, {"path": path_of})

    def middleware(app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            async def next_app(scope: Scope, receive: Receive, send: Send) -> None:
                passed_on.append(scope["path"])
                await app(scope, receive, send)

            await calls(scope, receive, send, next_app)

        return handle

    def always(value: Any) -> Callable[[], Any]:
        return lambda: value

    return Litestar(
        [direct, with_path, guarded, headed],
        dependencies={
            "greeting": Provide(always("hello"), sync_to_thread=False),
            "path": Provide(path_of, sync_to_thread=False),
        },
        middleware=[middleware],
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        openapi_config=None,
    )


async def test_a_handler_that_asks_for_known_things_is_called_directly() -> None:
    passed_on: list[str] = []
    async with AsyncTestClient(service(passed_on)) as client:
        answer = await client.post("/direct", json={"name": "Ada"})

    assert ({"text": "hello Ada /direct"}, 200) == (answer.json(), answer.status_code)
    assert "application/json" == answer.headers["content-type"]
    assert [] == passed_on


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"name": 1}', 400),
        (b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}', 413),
    ],
)
async def test_a_body_that_is_not_in_order_is_refused_by_litestar(
    content: bytes, status: int
) -> None:
    passed_on: list[str] = []
    async with AsyncTestClient(service(passed_on)) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/direct", content=content, headers=headers)

    assert status == answer.status_code
    assert ["/direct"] == passed_on


async def test_a_guard_is_never_left_out() -> None:
    passed_on: list[str] = []
    async with AsyncTestClient(service(passed_on)) as client:
        answer = await client.post("/guarded")

    assert 403 == answer.status_code
    assert ["/guarded"] == passed_on


async def test_a_handler_that_asks_for_more_is_called_by_litestar() -> None:
    passed_on: list[str] = []
    async with AsyncTestClient(service(passed_on)) as client:
        answer = await client.post("/path/7")

    assert {"text": "hello 7"} == answer.json()
    assert ["/path/7"] == passed_on


async def test_a_handler_whose_declaration_sets_headers_is_called_by_litestar() -> None:
    passed_on: list[str] = []
    async with AsyncTestClient(service(passed_on)) as client:
        answer = await client.get("/headed")

    assert ("yes", {"text": "hello"}) == (answer.headers["x-said"], answer.json())
    assert ["/headed"] == passed_on


async def receive_nothing() -> Any:
    await asyncio.Event().wait()


@pytest.mark.sec("SEC-52")
async def test_a_body_that_does_not_come_in_time_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.direct.BODY_SECONDS", 0.01)

    with pytest.raises(HTTPException) as refused:
        await _receive_body(receive_nothing)

    assert 408 == refused.value.status_code
    await asyncio.sleep(0)  # and the task goes on, not cancelled


async def test_whoever_else_cancels_is_heard() -> None:
    waiting = asyncio.create_task(_receive_body(receive_nothing))
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
