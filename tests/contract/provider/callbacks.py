"""What Pact's verifier asks us: to be in a state, and for a message.

Pact's own handlers for Python cannot give values back from a state, which is where tokens come
from; and they pick a port before they listen on it.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

STATE = "/state"
MESSAGE = "/message"

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def answering(answers: dict[str, Answer], failures: list[str]) -> Iterator[int]:
    """The port of loopback where POSTs to these paths are answered.

    What fails is added to ``failures`` and answered all the same: of a 500 the verifier tells
    nothing, after two minutes of trying.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                answer = answers[self.path](asked)
            except Exception:  # noqa: BLE001 - the caller tells
                failures.append(traceback.format_exc())
                answer = {}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with listening(Handler) as port:
        yield port


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of loopback where this handles requests."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
