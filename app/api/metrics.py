"""GET /metrics, where it has no port of its own."""

from collections.abc import Callable
from typing import Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse

from app.errors import EndpointNotAvailable
from app.limits import LIMIT_READ
from app.security import BY_CLIENT, CLIENTS_ONLY, client_of
from auth_core.clients import ClientPermission
from auth_core.kernel import PermissionDenied

_NOT_ALLOWED = PermissionDenied("This client may not read metrics.")
_CONTENT_TYPE = "text/plain; version=0.0.4"


class MetricsPage:
    """What this route shows; nothing where metrics are off, or on a port of their own."""

    def __init__(self, read: Callable[[], bytes] | None) -> None:
        self.read = read


class MetricsController(Controller):
    """Not among the operations of the API: operators' tools ask, by the name that they expect."""

    path = "/metrics"
    opt = CLIENTS_ONLY | LIMIT_READ
    security = BY_CLIENT
    include_in_schema = False

    @get()
    async def page(
        self, request: Request[Any, Any, Any], metrics_page: NamedDependency[MetricsPage]
    ) -> ASGIResponse:
        """The numbers of all workers. Needs the permission `metrics`."""
        if metrics_page.read is None:
            raise EndpointNotAvailable
        if not client_of(request.scope).may(ClientPermission.METRICS):
            raise _NOT_ALLOWED
        return ASGIResponse(
            body=metrics_page.read(), status_code=200, media_type=_CONTENT_TYPE, encoding="utf-8"
        )
