"""Talking HTTP with the issuer: a small port, and what implements it on the standard library.

Bounded in time and size, redirects are not followed, TLS is verified (SEC-64).
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from threading import Timer
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import msgspec

from auth_core.kernel import Secret
from auth_core.tokens.verify.ports import SourceLost

STEP_SECONDS = 3.0
"""For connecting, and for each wait for more bytes."""
WHOLE_SECONDS = 10.0
"""For a whole answer; of a stream, for its head."""
CHUNK = 65_536

Headers = Mapping[str, str]


class Answer(msgspec.Struct, frozen=True):
    """A complete answer. Names of headers are in lower case."""

    status: int
    headers: Headers
    body: bytes


class ByteStream(Protocol):
    """The body of an answer that does not end. Iterating raises SourceLost when it does."""

    status: int
    headers: Headers

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """End it, from any thread. Idempotent."""
        ...

    def release(self) -> None:
        """Give back what it holds. By whoever reads it, in the end, read or not."""
        ...


class Transport(Protocol):
    """HTTP with one issuer; paths are below its base URL. ``credentials``: value of the header
    ``Authorization``.
    """

    def ask(
        self,
        path: str,
        *,
        headers: Headers,
        limit: int,
        credentials: Secret[str] | None = None,
        form: Secret[str] | None = None,
    ) -> Answer:
        """GET, or POST when there is a form. Raises SourceLost, also beyond ``limit`` bytes."""
        ...

    def stream(self, path: str, *, headers: Headers, credentials: Secret[str]) -> ByteStream:
        """GET without waiting for an end. Raises SourceLost."""
        ...


class HttpTransport:
    """HTTP/1.1 by `http.client`, one connection per request, no proxy.

    ``allow_http``: also talk to other machines without TLS. Whoever listens there learns the
    client's secret and may forge keys.
    """

    def __init__(
        self, base_url: str, *, tls: ssl.SSLContext | None = None, allow_http: bool = False
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("the base URL must be http:// or https:// with a host")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("the base URL must have neither credentials nor query nor fragment")
        if url.scheme == "http" and not (allow_http or _is_loopback(url.hostname)):
            raise ValueError("the base URL must be https://; allow_http=True to do without TLS")
        self._host, self._port = url.hostname, url.port
        self._prefix = url.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if url.scheme == "https" else None

    def ask(
        self,
        path: str,
        *,
        headers: Headers,
        limit: int,
        credentials: Secret[str] | None = None,
        form: Secret[str] | None = None,
    ) -> Answer:
        """As the port says."""
        connection = self._connection()
        try:
            with _reported(), _cut_after(WHOLE_SECONDS, connection):
                response = _request(connection, self._prefix + path, headers, credentials, form)
                body = response.read(limit + 1)
        finally:
            connection.close()
        if len(body) > limit:
            raise SourceLost("its answer is too long")
        return Answer(response.status, _headers(response), body)

    def stream(self, path: str, *, headers: Headers, credentials: Secret[str]) -> ByteStream:
        """As the port says."""
        connection = self._connection()
        try:
            with _reported(), _cut_after(WHOLE_SECONDS, connection):
                connection.connect()
                # `http.client` drops its own reference when the answer has no length
                wire = connection.sock
                response = _request(connection, self._prefix + path, headers, credentials, None)
        except SourceLost:
            connection.close()
            raise
        return _HttpStream(connection, wire, response)

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=STEP_SECONDS)
        return HTTPSConnection(self._host, self._port, timeout=STEP_SECONDS, context=self._tls)


class _HttpStream:
    def __init__(
        self, connection: HTTPConnection, wire: socket.socket, response: HTTPResponse
    ) -> None:
        self.status = response.status
        self.headers = _headers(response)
        self._connection = connection
        self._wire = wire
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                with _reported():
                    chunk = self._response.read1(CHUNK)
                if not chunk:
                    raise SourceLost("it ended the stream")
                yield chunk
        finally:
            self.release()

    def release(self) -> None:
        self._response.close()
        self._connection.close()

    def close(self) -> None:
        _shut(self._wire)


def _request(
    connection: HTTPConnection,
    path: str,
    headers: Headers,
    credentials: Secret[str] | None,
    form: Secret[str] | None,
) -> HTTPResponse:
    sent = {"Accept-Encoding": "identity", "User-Agent": "fm-auth-core", **headers}
    if credentials is not None:
        sent["Authorization"] = credentials.reveal()
    if form is None:
        connection.request("GET", path, headers=sent)
    else:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST", path, form.reveal().encode(), sent)
    return connection.getresponse()


def _headers(response: HTTPResponse) -> Headers:
    return {name.lower(): value for name, value in response.getheaders()}


@contextmanager
def _reported() -> Iterator[None]:
    """Failures as SourceLost, without the cause: what it quotes may be a secret."""
    try:
        yield
    except ssl.SSLError as error:
        raise SourceLost(f"TLS failed ({error.reason or type(error).__name__})") from None
    except TimeoutError:
        raise SourceLost("it does not answer in time") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceLost(f"it cannot be reached ({reason})") from None
    except (HTTPException, ValueError, AttributeError) as error:
        # a socket that is cut meanwhile looks like anything to http.client
        raise SourceLost(f"it does not speak HTTP ({type(error).__name__})") from None


@contextmanager
def _cut_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """A time limit over all waits: each byte that drips in would begin a new one (SEC-52)."""
    timer = Timer(seconds, lambda: _shut(connection.sock))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(wire: socket.socket | None) -> None:
    """Wake up whoever reads; closing is theirs. Past TLS, whose state is the reader's as well."""
    with suppress(OSError):
        if wire is not None:
            socket.socket.shutdown(wire, socket.SHUT_RDWR)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


if TYPE_CHECKING:
    _transport: type[Transport] = HttpTransport
