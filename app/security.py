"""Who may call: every route needs a bearer token unless it says that it is public."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.middleware import ASGIMiddleware
from litestar.openapi.spec import SecurityRequirement
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.errors import EndpointNotAvailable, FormRequired
from app.limits import RouteLimits
from app.proxies import Proxies
from auth_core.clients import Client, ClientRegistry
from auth_core.kernel import AuthenticationRequired, InvalidClient, PermissionDenied, Source
from auth_core.sessions import IpDetail, SessionOrigin, kept_address, user_agent_family
from auth_core.tokens import Authenticator, Principal, bearer_token

PUBLIC: dict[str, Any] = {"public": True}
"""Handler options of a route that anybody may call."""
DEVELOPMENT_ONLY: dict[str, Any] = {"development_only": True}
"""Handler options of a route that other deployments do not offer."""
ADMIN_ONLY: dict[str, Any] = {"admin_only": True}
"""Handler options of a route for platform administrators."""
CLIENTS_ONLY: dict[str, Any] = {"clients_only": True}
"""Handler options of a route for registered callers (HTTP Basic); it asks for the permission."""

# Said per operation: the gateway merges documents and would lose what the whole document says.
BY_ANYBODY: tuple[SecurityRequirement, ...] = ({},)
BY_BEARER: tuple[SecurityRequirement, ...] = ({"bearer": []},)
BY_CLIENT: tuple[SecurityRequirement, ...] = ({"client": []},)

_WITH_BODY = ("POST", "PUT", "PATCH")


def basic_credentials(authorization: str) -> tuple[str, str]:
    """Client id and secret of an ``Authorization`` header (RFC 6749 §2.3.1, RFC 7617 §2).

    Raises InvalidClient when they are not there.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:
        raise InvalidClient from error
    client_id, separator, client_secret = decoded.partition(":")
    if not separator:
        raise InvalidClient
    return unquote_plus(client_id), unquote_plus(client_secret)


class Gate(ASGIMiddleware):
    """Stands before every route: not offered here, not signed in, too often, not JSON.

    Fails closed: a route is guarded unless it says that it is public. Middleware and not guards,
    because Litestar copies the handler for each guard of each request.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(
        self,
        authenticator: Authenticator,
        clients: ClientRegistry,
        limits: RouteLimits | None,
        *,
        development: bool,
    ) -> None:
        self._authenticator = authenticator
        self._clients = clients
        self._limits = limits
        self._development = development

    async def handle(  # type: ignore[override]  # `scopes` narrows it
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        """Pass the request on, with the principal in ``scope["auth"]`` if the route is guarded.

        Raises EndpointNotAvailable, PermissionDenied, TooManyRequests, HTTPException(415), and what
        `Authenticator` raises.
        """
        handler = scope["route_handler"]
        opt = handler.opt
        if "development_only" in opt and not self._development:
            raise EndpointNotAvailable
        if "public" not in opt and scope["method"] != "OPTIONS":
            # several headers mean a list (RFC 9110 §5.3), and a list is no token
            sent = b", ".join(_values(scope, b"authorization")).decode("latin-1")
            if "clients_only" in opt:
                scope["auth"] = self._clients.authenticate(*basic_credentials(sent))
                _require_form(scope)
            else:
                principal = await self._authenticator.authenticate(bearer_token(sent))
                scope["auth"] = principal
                if "admin_only" in opt and not principal.user.is_admin:
                    raise PermissionDenied
        if self._limits is not None:
            send = await self._limits.admit(scope, send)
        if scope["method"] in _WITH_BODY and "data" in handler.parsed_fn_signature.parameters:
            _require_json(scope)
        await next_app(scope, receive, send)


def _require_form(scope: HTTPScope) -> None:
    """Refuse a body that does not say it is a form (RFC 6749 §3.2)."""
    if scope["method"] in _WITH_BODY and _media_type(scope) != b"application/x-www-form-urlencoded":
        raise FormRequired


def _media_type(scope: Scope) -> bytes:
    return b"".join(_values(scope, b"content-type")).partition(b";")[0].strip().lower()


def _require_json(scope: Scope) -> None:
    """Refuse a body that does not say it is JSON: a form cannot pass for one (SEC-47)."""
    sent = _values(scope, b"content-type")
    has_body = any(length != b"0" for length in _values(scope, b"content-length")) or _values(
        scope, b"transfer-encoding"
    )
    if _media_type(scope) != b"application/json" and (sent or has_body):
        raise HTTPException(status_code=415)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header == name]


async def provide_principal(scope: Scope) -> Principal:
    """The caller, as the gate found them."""
    principal = scope.get("auth")
    if not isinstance(principal, Principal):  # a public route cannot ask for its caller
        raise AuthenticationRequired
    return principal


def client_of(scope: Scope) -> Client:
    """The registered caller, as the gate found them."""
    client = scope.get("auth")
    if not isinstance(client, Client):  # a route that is not for clients cannot ask for one
        raise InvalidClient
    return client


def source_of(proxies: Proxies) -> Callable[[Scope], Source]:
    """What provides the address that limits count."""

    def provide_source(scope: Scope) -> Source:
        return proxies.source(scope)

    return provide_source


def origin_of(ip_detail: IpDetail, proxies: Proxies) -> Callable[[Scope], SessionOrigin]:
    """What provides where a sign-in comes from."""

    def provide_origin(scope: Scope) -> SessionOrigin:
        agent = b" ".join(_values(scope, b"user-agent")).decode("latin-1")
        address = proxies.source(scope).address
        return SessionOrigin(
            user_agent=user_agent_family(agent),
            ip_address=None if address is None else kept_address(address, ip_detail),
        )

    return provide_origin
