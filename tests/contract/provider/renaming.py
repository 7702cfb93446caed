"""The running service with one field of its answers under another name."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from tests.contract.provider.callbacks import listening


@contextmanager
def renaming(url: str, field: str) -> Iterator[int]:
    """The port of loopback that passes on requests to ``url``, and its answers with `other`."""
    name = re.compile(rf'"{field}"(?=:)'.encode())

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {key: value for key, value in self.headers.items() if key != "Host"}
            answer = httpx.request(
                self.command,
                f"{url}{self.path}",
                headers=headers,
                content=body,
                timeout=60,
                trust_env=False,
            )
            content = name.sub(b'"other"', answer.content)
            self.send_response(answer.status_code)
            for key, value in answer.headers.items():
                self.send_header(key, str(len(content)) if key == "content-length" else value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = pass_on  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with listening(Handler) as port:
        yield port
