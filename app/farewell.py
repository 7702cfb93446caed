"""How clients are told to leave a worker that stops (`app.stopping`)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class Farewell:
    """An application whose answers end their connections, so that no client asks there again.

    A client that is asked to leave does so in time; one whose idle connection is closed may have
    sent its next request at that very moment.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP or scope["http_version"] not in {"1.0", "1.1"}:
            await self._app(scope, receive, send)  # HTTP/2 has a frame for it (RFC 9113 §6.8)
            return

        async def send_farewell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_farewell)
