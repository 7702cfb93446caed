"""GET /revocations and its stream over HTTP."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.api.asking import AUTH, claims_of, expect_problem, sign_up
from tests.api.registered_clients import basic
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]

SECRET = "the secret of a verifier, long enough"
CLIENTS = [
    {"client_id": "verifier", "client_secret": SECRET, "allow": ["revocations"]},
    {
        "client_id": "asker",
        "client_secret_sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
        "allow": ["introspect"],
    },
]
VERIFIER = basic("verifier", SECRET)


@pytest.fixture(scope="module")
async def worker(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker that knows a verifier."""
    async with serving(environ | {"AUTH_CLIENTS": json.dumps(CLIENTS)}) as client:
        yield client


async def snapshot(worker: Client) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            answer = await worker.get(f"{AUTH}/revocations", headers=VERIFIER)
            if answer.status_code != 503:  # its first poll may be under way
                break
            await asyncio.sleep(0.05)
    assert 200 == answer.status_code, answer.text
    return dict(answer.json())


@pytest.mark.sec("SEC-29")
async def test_a_worker_that_begins_to_serve_knows_what_is_revoked(
    worker: Client, environ: dict[str, str], new_name: NewName
) -> None:
    tokens = await sign_up(worker, new_name())
    await worker.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))

    async with serving(environ | {"AUTH_CLIENTS": json.dumps(CLIENTS)}) as another:
        answer = await another.get(f"{AUTH}/revocations", headers=VERIFIER)

    assert 200 == answer.status_code
    assert tokens["session_id"] in {one["session_id"] for one in answer.json()["revocations"]}


class Following:
    """What a follower has received, as it comes; chunks are whole events here."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.events: list[tuple[str, str, Any]] = []
        self.left = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)

    def revoked(self) -> set[str]:
        return {data["session_id"] for name, _, data in self.events if name == "revoked"}

    def alive(self) -> list[int]:
        return [data["as_of"] for name, _, data in self.events if name == "alive"]

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            return
        for event in message.get("body", b"").decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in event.splitlines())
            if lines:
                self.events.append((lines["event"], lines["id"], json.loads(lines["data"])))


@asynccontextmanager
async def following(worker: Client, cursor: str = "") -> AsyncIterator[Following]:
    """A connection to the stream: Litestar's client would wait for its end."""
    followed = Following()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not followed.left.is_set():  # noqa: ASYNC110 - another loop's event
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        followed.take(message)

    headers = [(b"authorization", VERIFIER["Authorization"].encode())]
    if cursor:
        headers.append((b"last-event-id", cursor.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"{AUTH}/revocations/stream",
        "raw_path": f"{AUTH}/revocations/stream".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
    with worker.portal() as portal:
        served = portal.start_task_soon(worker.app, scope, receive, send)
        try:
            yield followed
        finally:
            followed.left.set()
            await asyncio.wait_for(asyncio.wrap_future(served), 60)


@pytest.mark.sec("SEC-29")
async def test_an_ended_session_is_in_the_snapshot_until_its_last_token_is_dead(
    worker: Client, new_name: NewName
) -> None:
    tokens = await sign_up(worker, new_name())
    before = await snapshot(worker)
    await worker.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))

    after = await snapshot(worker)

    found = {entry["session_id"]: entry["expires_at"] for entry in after["revocations"]}
    assert tokens["session_id"] not in {one["session_id"] for one in before["revocations"]}
    assert found[tokens["session_id"]] >= claims_of(tokens["access_token"])["exp"]
    assert {"cursor", "as_of", "revocations"} == set(after)
    assert isinstance(after["as_of"], int)


@pytest.mark.sec("SEC-29")
async def test_a_follower_hears_of_a_logout_on_any_worker(
    worker: Client, second_worker: Client, new_name: NewName
) -> None:
    here, there = await sign_up(worker, new_name()), await sign_up(second_worker, new_name())
    cursor = (await snapshot(worker))["cursor"]
    async with following(worker, cursor) as followed:
        await followed.until(lambda: bool(followed.alive()))
        for asked, tokens in ((worker, here), (second_worker, there)):
            await asked.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))
        await followed.until(
            lambda: {here["session_id"], there["session_id"]} <= followed.revoked()
        )
        seen = len(followed.alive())
        await followed.until(lambda: len(followed.alive()) > seen + 1)

    assert (200, "no-store") == (followed.status, followed.headers["cache-control"])
    assert followed.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in followed.headers
    assert sorted(followed.alive()) == followed.alive()


@pytest.mark.sec("SEC-33")
async def test_a_cursor_of_one_worker_resumes_on_another(
    worker: Client, environ: dict[str, str], new_name: NewName
) -> None:
    tokens = await sign_up(worker, new_name())
    cursor = (await snapshot(worker))["cursor"]
    await worker.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))

    async with serving(environ | {"AUTH_CLIENTS": json.dumps(CLIENTS)}) as another:
        await snapshot(another)
        async with following(another, cursor) as followed:
            await followed.until(lambda: tokens["session_id"] in followed.revoked())
            assert "reset" not in [name for name, *_ in followed.events]  # it went on from there


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 15, "9" * 400])
async def test_without_a_cursor_of_ours_everything_is_told(
    worker: Client, new_name: NewName, cursor: str
) -> None:
    tokens = await sign_up(worker, new_name())
    await worker.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))
    await snapshot(worker)

    async with following(worker, cursor) as followed:
        await followed.until(lambda: bool(followed.alive()))

    assert 200 == followed.status
    assert tokens["session_id"] in followed.revoked()
    assert bool(cursor) == ("reset" == followed.events[0][0])


@pytest.mark.sec("SEC-33")
async def test_what_is_told_first_does_not_move_the_cursor_until_all_of_it_has_come(
    worker: Client, new_name: NewName
) -> None:
    """A connection may break in the middle of it."""
    tokens = await sign_up(worker, new_name())
    cursor = (await snapshot(worker))["cursor"]
    await worker.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))

    for asked, kept in (("", "0"), ("x", "0"), (cursor, cursor)):
        async with following(worker, asked) as followed:
            await followed.until(lambda: bool(followed.alive()))
        names = [name for name, _, _ in followed.events]
        first = followed.events[: names.index("alive")]
        assert {kept} == {event_id for _, event_id, _ in first}
        assert str(followed.alive()[0]) == followed.events[len(first)][1]


async def test_head_of_the_stream_ends(worker: Client) -> None:
    await snapshot(worker)

    answer = await worker.head(f"{AUTH}/revocations/stream", headers=VERIFIER)

    assert (200, b"") == (answer.status_code, answer.content)


async def _ask(worker: Client, path: str, headers: dict[str, str]) -> httpx.Response:
    return await worker.get(f"{AUTH}/{path}", headers=headers)


@pytest.mark.sec("SEC-44")
@pytest.mark.parametrize("path", ["revocations", "revocations/stream"])
async def test_only_a_verifier_may_follow(worker: Client, new_name: NewName, path: str) -> None:
    token = (await sign_up(worker, new_name()))["access_token"]

    expect_problem(await _ask(worker, path, basic("asker", SECRET)), 403, "permission_denied")
    for headers in ({}, bearer(token), basic("verifier", "wrong")):
        answer = await _ask(worker, path, headers)
        assert (401, "invalid_client") == (answer.status_code, answer.json()["code"])
