"""The Litestar application over a container."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import Scope

from app.access import RouteAccess, require_declared
from app.api import CONTROLLERS
from app.api.authzen import AuthZenConfiguration
from app.api.docs import OwnDocsPlugin
from app.api.metrics import MetricsPage
from app.api.status import AuthConfiguration, AuthLiveness, AuthServiceInfo
from app.container import Container
from app.cross_origin import CrossOrigin
from app.development_mail import DevelopmentMailbox
from app.direct import MAX_BODY_BYTES, DirectCalls, OfScope
from app.edge import Edge
from app.errors import EXCEPTION_HANDLERS, StrictRequest
from app.fixed_routes import FixedRoutes, Found, fixed_routes
from app.limits import RouteLimits
from app.options import own_address
from app.pages import AccountPagesController
from app.proxies import Proxies
from app.security import Call, Gate, origin_of, principal_of, source_of
from app.settings import CorsSettings
from auth_core.access import Subject
from auth_core.core import Core
from auth_core.event_types import EventSchemas
from auth_core.self_service import RegistrationMode

VERSION = version("fm-auth-service")

_EXTENSION_ORIGINS = r"(?:chrome|moz)-extension://[a-zA-Z0-9-]{1,64}"
_EXPOSED_HEADERS = [
    *("X-Request-ID", "X-Correlation-ID", "Retry-After", "WWW-Authenticate", "ETag"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
]
_ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "If-Match", "X-Request-ID", "X-Correlation-ID"),
]
_TAGS = {
    "Sign-in": "Registering and logging in.",
    "Account": "Proving an address, another password or address, leaving.",
    "Sessions": "Seeing and ending sessions.",
    "Administration": "What platform administrators may do.",
    "Organizations": "Organizations, their members, teams and invitations.",
    "Access": "Who may do what, and the roles that say so.",
    "Webhooks": "Events to receivers over HTTP, and what became of them.",
    "Profile": "The signed-in user.",
    "Development": "Routes that exist in development only.",
    "Tokens": "What registered callers may ask about tokens.",
    "Metadata": "What relying services read.",
    "Status": "What this service is and how it is doing.",
}


def create_app(container: Container) -> Litestar:
    """Build the application. No I/O happens before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        try:  # also when it cannot start: what it has opened by then is closed
            await container.start()
            yield
        finally:
            await container.close()

    proxies = _proxies(container)
    access = RouteAccess(container.core.role_book, container.team_place)
    constants, of_scope = _constants(container), _of_scope(container, proxies, access)
    calls = DirectCalls(constants, of_scope)
    gate = _gate(container, proxies, access, calls)
    app = Litestar(
        route_handlers=[*CONTROLLERS, AccountPagesController],
        dependencies={name: _always(value) for name, value in constants.items()}
        | {name: Provide(of, sync_to_thread=False) for name, of in of_scope.items()},
        middleware=[gate],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[lifespan],
        cors_config=_cors(container.settings.cors),
        openapi_config=_openapi(),
        plugins=[OwnDocsPlugin()],
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        request_class=StrictRequest,
    )
    require_declared(app.routes)
    _put_behind_edge(app, container, gate, fixed_routes(app.routes, calls.takes))
    return app


def _put_behind_edge(app: Litestar, container: Container, gate: Gate, found: Found) -> None:
    # with a cors_config this is Litestar's CORS middleware, which costs every request what few need
    cross_origin = app.asgi_handler
    app.asgi_handler = Edge(
        FixedRoutes(found, gate, cross_origin.app),  # type: ignore[attr-defined]
        CrossOrigin(cross_origin),
        new_id=container.ids.text,
        access_line=container.access_line,
        strict_transport=not container.settings.service.is_development,
        spans=None if container.traces is None else container.traces.requests,
    )


def _proxies(container: Container) -> Proxies:
    settings = container.settings.proxies
    return Proxies(settings.trusted or (), hops=settings.hops, header=settings.header)


def _gate(container: Container, proxies: Proxies, access: RouteAccess, call: Call) -> Gate:
    core, settings = container.core, container.settings
    limits = RouteLimits(core.limits, proxies, settings.limits)
    return Gate(
        core.authenticator,
        container.clients,
        core.step_up,
        access,
        limits if settings.limits.enabled else None,
        call,
        core.audit,
        development=settings.service.is_development,
    )


def _constants(container: Container) -> dict[str, object]:
    """What handlers may ask for by name."""
    service = container.settings.service
    return _services(container.core) | {
        "clients": container.clients,
        "decision_point": AuthZenConfiguration.at(own_address(container.settings)),
        "event_schemas": EventSchemas(container.options.event_schemas),
        "mailbox": DevelopmentMailbox(container.core.mail, container.core.ports.letter_renderer),
        "options": container.options,
        "clock": container.clock,
        "metrics_page": MetricsPage(container.metrics_page),
        "health": container.health,
        "info": AuthServiceInfo(version=VERSION),
        "liveness": AuthLiveness(version=VERSION, environment=service.environment),
        "configuration": _configuration(container),
    }


def _services(core: Core) -> dict[str, object]:
    return {
        "sign_in": core.sign_in,
        "self_service": core.self_service,
        "attempts": core.attempts,
        "refresh": core.refresh,
        "introspection": core.introspection,
        "feed": core.revocations,
        "sessions": core.sessions,
        "users": core.users,
        "audit": core.audit,
        "personal_data": core.personal_data,
        "roles": core.roles,
        "role_book": core.role_book,
        "permission_checks": core.permission_checks,
        "administration": core.administration,
        "impersonation": core.impersonation,
        "organizations": core.organizations,
        "webhooks": core.webhooks,
        "reauthentication": core.reauthentication,
        "organization_switch": core.organization_switch,
        "keys": core.keys,
    }


def _configuration(container: Container) -> AuthConfiguration:
    policy, mode = container.options.sign_in, container.options.self_service.registration
    return AuthConfiguration.of(
        development=container.settings.service.is_development,
        # by invitation is not for everybody who reads this
        registration=mode in {RegistrationMode.OPEN, RegistrationMode.VERIFIED}
        and (policy.development or policy.passwords),
        passwords=policy.passwords,
    )


def _of_scope(container: Container, proxies: Proxies, access: RouteAccess) -> dict[str, OfScope]:
    """What handlers may ask for by name that is another one for each request."""

    def subject(scope: Scope) -> Subject:
        return access.subject(scope, principal_of(scope))

    return {
        "subject": subject,
        "asker": access.asker,
        "principal": principal_of,
        "origin": origin_of(container.settings.sessions.ip_detail, proxies),
        "source": source_of(proxies),
    }


def _always(value: object) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


def _cors(settings: CorsSettings) -> CORSConfig:
    return CORSConfig(
        # browser extensions are clients of every deployment, whatever the list says
        allow_origins=[origin for origin in settings.origins if not origin.endswith("://*")],
        allow_origin_regex=_EXTENSION_ORIGINS,
        allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"],
        allow_headers=_ALLOWED_HEADERS,
        allow_credentials=settings.allow_credentials,
        expose_headers=_EXPOSED_HEADERS,
        max_age=600,
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="FaultMaven Auth Service",
        version=VERSION,
        description="Authentication and user management for a family of services.",
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                "client": SecurityScheme(type="http", scheme="basic"),
            }
        ),
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
    )
