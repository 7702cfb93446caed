"""A caller that never finishes its body does not keep its place for ever."""

import socket
import time

import pytest

from tests.e2e.running import Service

HEAD = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)


@pytest.mark.sec("SEC-52")
def test_a_body_that_does_not_come_is_cut_after_its_time(house: Service) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", house.port), timeout=90) as slow:
        slow.sendall(HEAD)
        answer = slow.recv(65536)
        while part := slow.recv(65536):  # and its connection, too: not when garbage is collected
            answer += part

    assert b"HTTP/1.1 408 " == answer[:13]
    assert b"application/problem+json" in answer
    assert 9 < time.monotonic() - began < 60
