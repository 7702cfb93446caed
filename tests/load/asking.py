"""One request after the other over one connection, each timed at the client."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.load.client import BenchError
from tests.load.machine import cpu_seconds

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ANSWER_LIMIT = 60.0


@dataclass(frozen=True)
class Asked:
    """Requests in their order, each with a word for what kind it is of."""

    port: int
    worker: int
    status: int
    requests: Sequence[tuple[str, bytes]]


def ask(asked: Asked) -> list[tuple[str, float, float]]:
    """The kind of each request, its seconds, and the CPU seconds of the worker meanwhile.

    Raises BenchError for any answer but the expected one.
    """
    found = []
    with socket.create_connection(("127.0.0.1", asked.port), timeout=_ANSWER_LIMIT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for kind, sent in asked.requests:
            cpu, began = cpu_seconds(asked.worker), perf_counter()
            connection.sendall(sent)
            status, body = _answer(connection)
            ended, cpu_after = perf_counter(), cpu_seconds(asked.worker)
            if status != asked.status:
                line = sent.split(b"\r\n", 1)[0].decode()
                raise BenchError(f"{line}: {status}, not {asked.status}: {body[:300]!r}")
            found.append((kind, ended - began, cpu_after - cpu))
    return found


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    answer = b""
    while True:
        more = connection.recv(65536)
        if not more:
            raise BenchError("the service closed the connection")
        answer += more
        head, end, body = answer.partition(_END)
        if not end:
            continue
        head = head.lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) >= length:
            return int(head[9:12]), body
