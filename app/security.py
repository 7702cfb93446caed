"""Who may call: every route needs a bearer token unless it says otherwise."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.openapi.spec import SecurityRequirement
from litestar.response.base import ASGIResponse
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.access import OPTION, OWN_ACCOUNT, RouteAccess
from app.errors import EndpointNotAvailable, FormRequired
from app.fixed_routes import HANDED_OVER
from app.limits import RouteLimits
from app.proxies import Proxies
from auth_core.audit import AuditService
from auth_core.clients import Client, ClientRegistry
from auth_core.kernel import (
    AuthCoreError,
    AuthenticationRequired,
    ImpersonationRefused,
    InvalidClient,
    InvalidRequest,
    PermissionDenied,
    Source,
    acting,
    through,
)
from auth_core.sessions import IpDetail, SessionOrigin, StepUp, kept_address, user_agent_family
from auth_core.tokens import Authenticator, Principal, bearer_token

PUBLIC: dict[str, Any] = {"public": True}
"""Handler options of a route that anybody may call."""
DEVELOPMENT_ONLY: dict[str, Any] = {"development_only": True}
"""Handler options of a route that other deployments do not offer."""
RECENT_AUTHENTICATION: dict[str, Any] = {"recent_authentication": True}
"""Handler options of a sensitive route: only for people themselves, and soon after they proved who
they are (RFC 9470). Join it to others with ``|``.
"""
OWN_SESSION_ONLY: dict[str, Any] = OWN_ACCOUNT | {"own_session_only": True}
"""The same as OWN_ACCOUNT, and nobody may use it in another person's name (SEC-70)."""
CLIENTS_ONLY: dict[str, Any] = {"clients_only": True}
"""Handler options of a route for registered callers (HTTP Basic); it asks for the permission."""
FORM_CREDENTIALS: dict[str, Any] = {"form_credentials": True}
"""Of a route for registered callers, who may authenticate in its form: it asks `calling_client`."""
CLIENTS_WELCOME: dict[str, Any] = {"clients_welcome": True}
"""Of a public route where a registered caller may say who it is (HTTP Basic)."""
PEOPLE_OR_CLIENTS: dict[str, Any] = OWN_ACCOUNT | {"clients_too": True}
"""Of a route for whoever is signed in, and for registered callers (HTTP Basic); it asks which, and
writes nothing."""

# Said per operation: the gateway merges documents and would lose what the whole document says.
BY_ANYBODY: tuple[SecurityRequirement, ...] = ({},)
BY_BEARER: tuple[SecurityRequirement, ...] = ({"bearer": []},)
BY_CLIENT: tuple[SecurityRequirement, ...] = ({"client": []},)
BY_BEARER_OR_CLIENT: tuple[SecurityRequirement, ...] = ({"bearer": []}, {"client": []})
BY_ANYBODY_OR_CLIENT: tuple[SecurityRequirement, ...] = ({}, {"client": []})

_FORM = b"application/x-www-form-urlencoded"

Call = Callable[[HTTPScope, Receive, Send, ASGIApp], Awaitable[None]]
"""What answers a request that may pass, by itself or through the application at the end."""
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


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


class Gate:
    """Stands before every route: not offered here, not signed in, too often, not JSON.

    Fails closed: a route is for nobody unless it says whom it is for. Middleware and not guards,
    because Litestar copies the handler for each guard of each request.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        clients: ClientRegistry,
        step_up: StepUp,
        access: RouteAccess,
        limits: RouteLimits | None,
        call: Call,
        audit: AuditService,
        *,
        development: bool,
    ) -> None:
        self._authenticator = authenticator
        self._clients = clients
        self._step_up = step_up
        self._access = access
        self._limits = limits
        self._call = call
        self._audit = audit
        self._development = development

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """The gate in front of one route."""

        async def gate(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
            elif HANDED_OVER in scope:
                await _hand_over(scope, receive, send, app)
            else:
                try:
                    await self._handle(scope, receive, send, app)
                except (PermissionDenied, ImpersonationRefused):
                    await self._note_refusal(scope)
                    raise

        return gate

    async def _note_refusal(self, scope: HTTPScope) -> None:
        """On the trail: who was refused what. The refusal stands without it, too, and of those that
        somebody provokes by the hundred some are enough.
        """
        principal = scope.get("auth")
        if not isinstance(principal, Principal):
            return
        session, route = principal.session, scope["path_template"]
        with suppress(AuthCoreError):
            if self._limits is not None:
                await self._limits.count_refusal(principal)
            await self._audit.refused(
                principal.user.id,
                session.id,
                actor_id=session.impersonator_id,
                target=f"route:{scope['method']} {route}",
            )

    async def _handle(
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        """Pass the request on, with the principal in ``scope["auth"]`` if the route is guarded.

        Raises EndpointNotAvailable, TooManyRequests, HTTPException(415), and what `Authenticator`,
        `RouteAccess` and `StepUp` raise.
        """
        handler = scope["route_handler"]
        opt = handler.opt
        principal = None
        if "development_only" in opt and not self._development:
            raise EndpointNotAvailable
        if scope["method"] == "OPTIONS":
            await _methods_answer(scope)(scope, receive, send)
            return
        if "clients_only" in opt:
            self._admit_client(scope, in_form="form_credentials" in opt)
        elif "clients_welcome" in opt:
            self._is_client(scope, _authorization(scope))
        elif "public" not in opt:
            sent = _authorization(scope)
            if not ("clients_too" in opt and self._is_client(scope, sent)):
                principal = await self._admit_person(scope, opt, sent)
        if self._limits is not None:
            await self._limits.admit(scope)
        if scope["method"] in _WITH_BODY and "data" in handler.parsed_fn_signature.parameters:
            _require_json(scope)
        session = None if principal is None else principal.session
        writes = scope["method"] in _WITH_BODY and "clients_too" not in opt
        if session is None or not (writes or session.impersonator_id is not None):
            await self._call(scope, receive, send, next_app)
            return
        # every event and audit record of this request is marked
        with acting(session.impersonator_id), through(session.id):
            await self._call(scope, receive, send, next_app)

    async def _admit_person(self, scope: HTTPScope, opt: Mapping[str, Any], sent: str) -> Principal:
        """Let somebody who is signed in pass; returns who that is."""
        principal = await self._authenticator.authenticate(bearer_token(sent))
        scope["auth"] = principal
        await self._access.admit(scope, principal, opt.get(OPTION))
        actor = principal.session.impersonator_id
        if actor is not None and "own_session_only" in opt:
            raise ImpersonationRefused
        if "recent_authentication" in opt:
            self._step_up.require_recent(principal.session)
        return principal

    def _admit_client(self, scope: HTTPScope, *, in_form: bool) -> None:
        """Let a registered caller pass, and whoever may still name itself in the form."""
        sent = _authorization(scope)
        if sent or not in_form or _media_type(scope) != _FORM:
            scope["auth"] = self._clients.authenticate(*basic_credentials(sent))
        _require_form(scope)

    def _is_client(self, scope: HTTPScope, sent: str) -> bool:
        """Note which registered caller this is; whether it is one. A bearer token says nothing."""
        if sent.partition(" ")[0].lower() != "basic":
            return False
        scope["auth"] = self._clients.authenticate(*basic_credentials(sent))
        return True


async def _hand_over(scope: HTTPScope, receive: Receive, send: Send, app: ASGIApp) -> None:
    """What is left to Litestar of a request that was judged before it (see `FixedRoutes`)."""
    error = scope.get(HANDED_OVER)
    if isinstance(error, Exception):
        raise error
    await app(scope, receive, send)


def _methods_answer(scope: HTTPScope) -> ASGIResponse:
    """What a path takes. Litestar's own answer tells only some where two handlers share a path."""
    methods = {
        method
        for route in scope["litestar_app"].routes
        if isinstance(route, HTTPRoute) and route.path_format == scope["path_template"]
        for method in route.methods
    }
    return ASGIResponse(status_code=204, headers={"Allow": ", ".join(sorted(methods))})


def _authorization(scope: Scope) -> str:
    # several headers mean a list (RFC 9110 §5.3), and a list is no token
    return b", ".join(_values(scope, b"authorization")).decode("latin-1")


def _require_form(scope: HTTPScope) -> None:
    """Refuse a body that does not say it is a form (RFC 6749 §3.2)."""
    if scope["method"] in _WITH_BODY and _media_type(scope) != _FORM:
        raise FormRequired


def _media_type(scope: Scope) -> bytes:
    return b"".join(_values(scope, b"content-type")).partition(b";")[0].strip().lower()


def _require_json(scope: Scope) -> None:
    """Refuse a body that does not say it is JSON: a form cannot pass for one (SEC-47)."""
    if _values(scope, b"content-type") == [b"application/json"]:
        return  # as nearly everybody says it
    if _media_type(scope) == b"application/json":
        return
    if (
        _values(scope, b"content-type")
        or any(length != b"0" for length in _values(scope, b"content-length"))
        or _values(scope, b"transfer-encoding")
    ):
        raise HTTPException(status_code=415)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header == name]


def principal_of(scope: Scope) -> Principal:
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


def calling_client(scope: Scope, form: Mapping[str, str], clients: ClientRegistry) -> Client:
    """The registered caller of a route with a form, by the one way in which it says who it is.

    Raises InvalidClient, and InvalidRequest for two ways at once (RFC 6749 §2.3).
    """
    found, client_id, secret = scope.get("auth"), form.get("client_id"), form.get("client_secret")
    if isinstance(found, Client):
        if secret is not None or client_id not in {None, found.client_id}:
            raise InvalidRequest("Authenticate either in the header or in the form, not in both.")
        return found
    if client_id is None or secret is None:
        raise InvalidClient
    return clients.authenticate(client_id, secret)


def presenting_client_id(scope: Scope) -> str | None:
    """Which registered caller signs in or refreshes, if it is one and says so."""
    client = scope.get("auth")
    return client.client_id if isinstance(client, Client) else None


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
            client_id=presenting_client_id(scope),
            user_agent=user_agent_family(agent),
            ip_address=None if address is None else kept_address(address, ip_detail),
        )

    return provide_origin
