"""Who this is and how it is doing."""

from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from app.api.answers import Timestamp, timestamp
from app.api.examples import CONFIGURATION, HEALTH, LIVENESS, READINESS, SERVICE_INFO
from app.api.responses import answer, errors
from app.health import Health, ShuttingDown
from app.limits import LIMIT_NONE
from app.security import BY_ANYBODY, PUBLIC
from auth_core.kernel import Unavailable

SERVICE = "fm-auth-service"

_NO_DATABASE = "PostgreSQL does not answer."

Condition = Literal["healthy", "unhealthy"]


class AuthServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What this service is."""

    service: str = SERVICE
    version: str
    description: str = "Authentication and user management"
    docs: str = "/docs"
    health: str = "/health"


class AuthLiveness(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["healthy"] = "healthy"
    service: str = SERVICE
    version: str
    environment: str


class AuthReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """The service can do its work; ``degraded`` means correct answers at a lower speed."""

    status: Literal["ready", "degraded"]
    database: Literal["healthy"] = "healthy"
    redis: Condition


class AuthServices(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the service."""

    redis: Condition
    database: Condition
    token_manager: Condition
    user_store: Condition


class AuthHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How each part of the service is doing."""

    status: Literal["healthy", "degraded"]
    timestamp: Timestamp
    services: AuthServices


class AuthFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may offer its user."""

    supports_registration: bool
    supports_password_reset: bool
    supports_email_verification: bool = True
    requires_redirect: bool = False


class AuthConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """How to sign in here. ``auth_mode`` tells a client not to switch to OAuth."""

    auth_mode: Literal["local"] = "local"
    login_endpoint: str
    register_endpoint: str
    supports_registration: bool
    oauth: None = None
    provider: Literal["local"] = "local"
    login_url: None = None
    features: AuthFeatures

    @classmethod
    def of(cls, *, development: bool, registration: bool, passwords: bool) -> "AuthConfiguration":
        """The configuration that clients of this deployment need."""
        prefix = "/api/v1/auth/dev-" if development else "/api/v1/auth/"
        return cls(
            login_endpoint=f"{prefix}login",
            register_endpoint=f"{prefix}register",
            supports_registration=registration,
            features=AuthFeatures(
                supports_registration=registration, supports_password_reset=passwords
            ),
        )


class StatusController(Controller):
    """Who this is and how it is doing."""

    tags = ("Status",)
    opt = PUBLIC | LIMIT_NONE
    security = BY_ANYBODY

    @get(
        "/",
        responses={200: answer(AuthServiceInfo, SERVICE_INFO), **errors()},
        sync_to_thread=False,
        summary="What this is",
    )
    def index(self, info: NamedDependency[AuthServiceInfo]) -> AuthServiceInfo:
        """Read what this service is."""
        return info

    @get(
        "/health",
        responses={200: answer(AuthLiveness, LIVENESS), **errors()},
        sync_to_thread=False,
        summary="Liveness",
    )
    def live(self, liveness: NamedDependency[AuthLiveness]) -> AuthLiveness:
        """Liveness. Touches no dependency: a failure means that the process must be restarted."""
        return liveness

    @get(
        "/health/ready",
        responses={
            200: answer(AuthReadiness, READINESS),
            **errors(503, likely={503: Unavailable(_NO_DATABASE)}),
        },
        summary="Readiness",
    )
    async def ready(self, health: NamedDependency[Health]) -> AuthReadiness:
        """Readiness. 503 while PostgreSQL is missing; ``degraded`` while only Redis is.

        503 with the code ``shutting_down`` when the process is about to end: it still answers.
        """
        if health.stopping:
            raise ShuttingDown
        if not await health.database():
            raise Unavailable(_NO_DATABASE)
        redis = health.redis()
        return AuthReadiness(status="ready" if redis else "degraded", redis=_condition(redis))

    @get(
        "/api/v1/auth/health",
        responses={200: answer(AuthHealth, HEALTH), **errors()},
        summary="Health by part",
    )
    async def health(self, health: NamedDependency[Health]) -> AuthHealth:
        """Health by part. Always 200: the body tells."""
        redis, database, keys = health.redis(), await health.database(), await health.keys()
        return AuthHealth(
            status="healthy" if redis and database and keys else "degraded",
            timestamp=timestamp(health.now()),
            services=AuthServices(
                redis=_condition(redis),
                database=_condition(database),
                token_manager=_condition(keys),
                user_store=_condition(database),
            ),
        )

    @get(
        "/api/v1/auth/config",
        responses={200: answer(AuthConfiguration, CONFIGURATION), **errors()},
        sync_to_thread=False,
        summary="How to sign in",
    )
    def configuration(
        self, configuration: NamedDependency[AuthConfiguration]
    ) -> Response[AuthConfiguration]:
        """Read how to sign in here."""
        return Response(configuration)


def _condition(answers: bool) -> Condition:  # noqa: FBT001
    return "healthy" if answers else "unhealthy"
