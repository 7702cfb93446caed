"""`/metrics` on a port of its own, in a thread of the supervisor or of `fm-auth worker`."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from adapters.metrics import CONTENT_TYPE
from auth_core.kernel import Misconfigured

_PATIENCE_SECONDS = 5.0


class MetricsListener(threading.Thread):
    """Answers whoever can reach it. The port is bound when this has been made."""

    def __init__(self, host: str, port: int, page: Callable[[], bytes]) -> None:
        """Raises Misconfigured when the port cannot be had."""
        super().__init__(name="metrics", daemon=True)
        try:
            self._server = _Server(host, port, page)
        except OSError as error:
            raise Misconfigured(
                f"cannot listen on {host}:{port} for metrics: {error.strerror}. Stop what uses the"
                " port, or set AUTH_METRICS_HOST and AUTH_METRICS_PORT to a free one."
            ) from error

    def run(self) -> None:
        """Answer until closed."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stop answering. Only after `start`."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):  # not HTTPServer: it asks the resolver for our name
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, page: Callable[[], bytes]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.page = page
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS
    server_version, sys_version = "fm-auth", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body = self.server.page()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """A scrape is no news."""
