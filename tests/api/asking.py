"""Asking the service, and what all of its answers of one kind have in common."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import httpx
from litestar.testing import AsyncTestClient

from app.container import Container
from app.main import create_app
from app.settings import load_settings
from tests.serving import Client

AUTH = "/api/v1/auth"
JSON = {"Content-Type": "application/json"}
CUT_OFF = b"the connection is gone"
"""As the last chunk of a body: it never comes."""
PASSWORD = "correct horse battery staple"

USER = {
    "user_id": str,
    "username": str,
    "email": str,
    "display_name": str,
    "created_at": str,
    "is_dev_user": bool,
    "is_active": bool,
    "roles": list,
    "is_admin": bool,
}
_OAUTH_CODES = {"invalid_client", "invalid_request"}
_PROBLEM = {"type", "title", "status", "detail", "code", "message", "request_id"}
_CLIENTS_MISTAKE = re.compile(r"session[ _](?:expired|not[ _]found)", re.IGNORECASE)
_LEAK = re.compile(
    r"traceback|site-packages|\.py\b|/srv/|/home/|/usr/|\bselect\b.*\bfrom\b|insert into"
    r"|sqlalchemy|asyncpg|litestar|msgspec|joserfc|granian|python|\d+\.\d+\.\d+",
    re.IGNORECASE,
)


async def sign_up(client: Client, name: str, **fields: Any) -> dict[str, Any]:
    """The token answer of a new development account."""
    answer = await client.post(f"{AUTH}/dev-register", json={"username": name, **fields})
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def expect_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an error answer, after checking everything that all of them promise."""
    body = answer.json()
    assert (status, code) == (answer.status_code, body.get("code")), body
    assert "application/problem+json" == answer.headers["content-type"]
    oauth = {"error", "error_description"} if code in _OAUTH_CODES else set()
    assert _PROBLEM | oauth <= set(body) <= _PROBLEM | oauth | {"errors"}
    assert {code, body["detail"]} >= {body[name] for name in oauth}
    assert [] == [name for name in _PROBLEM - {"status"} if type(body[name]) is not str]
    assert "" not in body.values()
    assert status == body["status"]
    assert body["detail"] == body["message"]
    assert f"urn:faultmaven:auth:problem:{code}" == body["type"]
    assert answer.headers["x-request-id"] == body["request_id"]
    assert None is _CLIENTS_MISTAKE.search(answer.text)
    assert None is _LEAK.search(answer.text.replace(body["request_id"], "")), body
    assert (401 == status) == ("www-authenticate" in answer.headers)
    assert (405 == status) == ("allow" in answer.headers)
    assert (status in {429, 503}) == ("retry-after" in answer.headers)
    for error in body.get("errors", ()):
        assert {"loc", "msg", "type"} == set(error)
        assert "body" == error["loc"][0]
        texts = (*error["loc"], error["msg"], error["type"])
        assert [] == [text for text in texts if type(text) is not str or not text]
    return dict(body)


def expect_invalid(answer: httpx.Response) -> set[tuple[str, str]]:
    """Which fields a 422 names, each with the kind of its error."""
    body = expect_problem(answer, 422, "validation_failed")
    return {(".".join(error["loc"]), error["type"]) for error in body["errors"]}


def header_of(token: str) -> dict[str, Any]:
    """The JOSE header of a token, unverified."""
    return dict(json.loads(unbase64(token.split(".", maxsplit=1)[0])))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    return dict(json.loads(unbase64(token.split(".")[1])))


def unbase64(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def ask_raw(
    client: Client,
    method: str,
    path: str,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    chunks: Iterable[bytes] = (b"",),
) -> httpx.Response:
    """An answer to exactly these bytes: an HTTP client would add headers and refuse some values.

    It runs on the worker's own loop, so that several asked at once are served at once. (The
    transport of Litestar's client blocks: whoever gathers its calls gets them one by one.)
    """
    parts = list(chunks)
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
        if part is not CUT_OFF
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
    with client.portal() as portal:
        await asyncio.wrap_future(portal.start_task_soon(client.app, scope, receive, send))
    return httpx.Response(
        sent[0]["status"],
        headers=sent[0]["headers"],
        content=b"".join(message.get("body", b"") for message in sent[1:]),
    )


async def ask_at_once(
    workers: Iterable[Client], method: str, path: str, requests: Iterable[dict[str, Any]]
) -> list[httpx.Response]:
    """The answers to requests that are all under way together, given to the workers in turn.

    Each request is a JSON body, or a header when its name is ``Authorization``.
    """
    return await asyncio.gather(
        *(
            ask_raw(
                worker,
                method,
                path,
                headers=[
                    (b"content-type", b"application/json"),
                    *((b"authorization", value.encode()) for value in _authorization(request)),
                ],
                chunks=[json.dumps(request).encode()],
            )
            for worker, request in zip(cycle(workers), requests, strict=False)
        )
    )


def _authorization(request: dict[str, Any]) -> list[str]:
    return [request.pop("Authorization")] if "Authorization" in request else []


@asynccontextmanager
async def serving_also(environ: dict[str, str], *handlers: Any) -> AsyncIterator[Client]:
    """A client of a worker that has these routes, too."""
    app = create_app(Container(load_settings(environ)))
    for handler in handlers:
        app.register(handler)
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield client
