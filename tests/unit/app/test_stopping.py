"""What clients of a worker that stops are told."""

import pytest

from app.farewell import Farewell


async def answered(version: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that says only what it is."""
    sent = []

    async def app(_scope, _receive, send):
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message):
        sent.append(message)

    await Farewell(app)({"type": "http", "http_version": version}, None, send)
    return sent[0]["headers"]


@pytest.mark.parametrize(("version", "told"), [("1.0", True), ("1.1", True), ("2", False)])
async def test_only_connections_of_http_1_are_ended_by_a_header(version, told):
    """In HTTP/2 the header is an error (RFC 9113 §8.2.2)."""
    headers = await answered(version)

    assert told == ((b"connection", b"close") in headers)
    assert (b"content-type", b"text/plain") in headers
