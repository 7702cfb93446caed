"""The range API of breached passwords, on a real HTTP server that behaves and misbehaves."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.breach import RangeApi
from auth_core.credentials import (
    BreachLookup,
    OnLookupFailure,
    PasswordPolicy,
    shipped_blocklist,
)
from auth_core.kernel import InvalidInput, Unavailable

PASSWORD = "correct horse battery staple"
DIGEST = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()
PADDING = "0" * 34 + "A:0"
LISTED = f"{DIGEST[5:]}:216\r\n{PADDING}\r\n{'F' * 35}:1"

Answer = tuple[int, bytes]
Serve = Callable[[Answer], RangeApi]


@pytest.fixture
def asked() -> list[tuple[str, str | None]]:
    return []


@pytest.fixture
def serve(asked: list[tuple[str, str | None]]) -> Iterator[Serve]:
    """A server that gives one answer to everything, and the adapter that asks it."""
    servers: list[ThreadingHTTPServer] = []
    apis: list[RangeApi] = []

    def serve(answer: Answer) -> RangeApi:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers.get("Add-Padding")))
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        apis.append(RangeApi(f"http://127.0.0.1:{server.server_port}/range/"))
        return apis[-1]

    yield serve
    for api in apis:
        api.close()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.sec("SEC-06")
async def test_the_suffixes_of_a_range_come_without_its_padding(
    serve: Serve, asked: list[tuple[str, str | None]]
) -> None:
    api = serve((200, LISTED.encode()))

    assert {DIGEST[5:], "F" * 35} == await api.suffixes(DIGEST[:5])
    assert [(f"/range/{DIGEST[:5]}", "true")] == asked


@pytest.mark.sec("SEC-06")
async def test_a_breached_password_is_refused_by_the_policy(serve: Serve) -> None:
    lookup = BreachLookup(serve((200, LISTED.encode())), OnLookupFailure.CLOSED)
    policy = PasswordPolicy(shipped_blocklist(), lookup=lookup)

    with pytest.raises(InvalidInput) as caught:
        await policy.check(PASSWORD)

    assert "breached" == caught.value.problems[0].type
    assert await policy.check(f"{PASSWORD} and tea")


@pytest.mark.sec("SEC-06", "SEC-64", "SEC-72")
@pytest.mark.parametrize(
    "answer",
    [
        (500, b""),
        (302, LISTED.encode()),
        (404, b"not found"),
        (200, b""),
        (200, b"<html>a proxy wants a word</html>"),
        (200, LISTED.encode() + b"\r\n\xff\xfe"),
        (200, f"{DIGEST[5:]}:1\r\n".encode() * 50_000),
    ],
    ids=["500", "redirect", "404", "empty", "html", "garbage", "huge"],
)
async def test_what_is_no_list_is_no_answer(
    serve: Serve, asked: list[tuple[str, str | None]], answer: Answer
) -> None:
    with pytest.raises(Unavailable):
        await serve(answer).suffixes(DIGEST[:5])

    assert 1 == len(asked)  # no redirect was followed


@pytest.mark.sec("SEC-06", "SEC-72")
async def test_nobody_there_is_no_answer() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    api = RangeApi(f"http://127.0.0.1:{port}/")

    with pytest.raises(Unavailable):
        await api.suffixes("ABCDE")
    api.close()


@pytest.mark.sec("SEC-64")
@pytest.mark.parametrize("url", ["http://example.com/", "ftp://127.0.0.1/", "https://u:p@h/"])
def test_a_url_without_tls_or_with_credentials_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        RangeApi(url)
