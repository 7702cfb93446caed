"""One POST to one receiver: a name is resolved once, and what was checked is what is connected to.

So a name that changes its address in between (DNS rebinding) changes nothing. No redirect is
followed, no proxy of the environment is used, TLS is verified, time and size are capped (SEC-64).
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import h11

from auth_core.kernel import FieldProblem, InvalidInput, IpAddress
from auth_core.webhooks import (
    Resolver,
    Target,
    WebhookFailure,
    WebhookSender,
    parse_target,
    permitted,
)

WHOLE_SECONDS = 10.0
"""For resolving, connecting, sending, and waiting for the answer."""
_CONNECT_SECONDS = 4.0
_MOST_ADDRESSES = 3
_HEAD_MAX = 16_384
"""More bytes than that of headers are no answer; the body is not read at all."""
_CHUNK = 4_096


class HttpWebhookSender:
    """HTTP/1.1, one connection per delivery."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        tls: ssl.SSLContext | None = None,
        allow_private: bool = False,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        """``allow_private``: also http and private addresses, for development."""
        self._resolver = resolver
        self._given_tls = tls
        self._allow_private = allow_private
        self._whole_seconds = whole_seconds

    def _tls(self) -> ssl.SSLContext:
        """Made when it is first needed: reading the authorities takes a start some 20 ms."""
        self._given_tls = self._given_tls or ssl.create_default_context()
        return self._given_tls

    async def check(self, url: str) -> None:
        """As the port says."""
        target = parse_target(url, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(self._whole_seconds):
                await self._addresses(target)
        except (WebhookFailure, TimeoutError) as error:
            refused = isinstance(error, WebhookFailure) and error.reason == "address_refused"
            message = "must lead to a public address" if refused else "its name has no address"
            raise InvalidInput(FieldProblem(field="url", type="invalid", message=message)) from None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """As the port says."""
        try:
            target = parse_target(url, allow_private=self._allow_private)
        except InvalidInput:  # the rules have changed since it was taken
            raise WebhookFailure("address_refused") from None
        try:
            async with asyncio.timeout(self._whole_seconds):
                reader, writer = await self._connect(target, await self._addresses(target))
                try:
                    return await _exchange(reader, writer, target, headers, body)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise WebhookFailure("timeout") from None
        except ssl.SSLError:
            raise WebhookFailure("tls_failed") from None
        except OSError:
            raise WebhookFailure("connection_failed") from None
        except h11.ProtocolError:
            raise WebhookFailure("not_http") from None

    async def _addresses(self, target: Target) -> Sequence[IpAddress]:
        """All addresses of the target, each of them permitted: one that is not spoils them all."""
        if target.address is not None:
            return [target.address]
        addresses = await self._resolver.resolve(target.host)
        if not addresses:
            raise WebhookFailure("no_such_name")
        if not all(permitted(each, allow_private=self._allow_private) for each in addresses):
            raise WebhookFailure("address_refused")
        return addresses[:_MOST_ADDRESSES]

    async def _connect(
        self, target: Target, addresses: Sequence[IpAddress]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first that answers; TLS is for the name."""
        trouble: OSError | None = None
        for address in addresses:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        str(address),
                        target.port,
                        ssl=self._tls() if target.secure else None,
                        server_hostname=target.host if target.secure else None,
                    )
            except ssl.SSLError:
                raise
            except (OSError, TimeoutError) as error:  # on 3.11 both are OSErrors
                trouble = error
        raise trouble or WebhookFailure("no_such_name")


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
) -> int:
    """Send the request and wait for the head of its answer; returns the status."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MAX)
    sent = {
        "Host": target.authority,
        "Content-Type": "application/cloudevents+json; charset=UTF-8",
        "Content-Length": str(len(body)),
        "User-Agent": "fm-auth-webhooks",
        "Connection": "close",
        **headers,
    }
    request = h11.Request(method="POST", target=target.path, headers=list(sent.items()))
    for part in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(http.send(part) or b"")
    with suppress(ConnectionError):  # who answers before the end of the request may close it, too
        await writer.drain()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            return event.status_code
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("no answer")


if TYPE_CHECKING:
    _: type[WebhookSender] = HttpWebhookSender
