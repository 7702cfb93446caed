"""The composition root: settings become adapters, adapters become ports, ports become the core."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from adapters.postgres import PostgresUnitOfWork
from adapters.time_zones import time_zones
from app.health import Health
from app.in_process import ConnectedCore
from app.observability import AccessLine, no_access_line
from app.settings import OrganizationSettings, Settings
from app.worker import Worker, tasks_of
from auth_core.clients import ClientRegistry
from auth_core.core import Options
from auth_core.credentials import AttemptPolicy, PasswordRules
from auth_core.kernel import (
    NO_METRICS,
    AuthCoreError,
    EmailTaken,
    InvalidInput,
    Misconfigured,
    OrganizationId,
    TeamId,
    Unavailable,
    Username,
    UsernameTaken,
    end_tasks,
)
from auth_core.mail import RelayPolicy
from auth_core.organizations import OrganizationPolicy
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.sessions import RetentionPolicy
from auth_core.tokens import SignInPolicy
from auth_core.users import ProfilePolicy, Registration, User
from auth_core.webhooks import WebhookPolicy

if TYPE_CHECKING:
    from app.metrics.telemetry import Telemetry

RETRY_SECONDS = 1.0
DEFAULT_SESSION_DAYS = 30
CLAIM_SLACK = timedelta(seconds=30)
"""How much longer than the mail server may take a letter is left to the relay that has it."""

_log = structlog.get_logger(__name__)


class Container:
    """Everything that one worker process holds. Make it, `start` it, `close` it."""

    def __init__(self, settings: Settings, access_line: AccessLine = no_access_line) -> None:
        self.settings = settings
        self.options = options(settings)
        self._telemetry = _telemetry(settings)
        counted = self._telemetry
        self.access_line = access_line if counted is None else counted.access_line(access_line)
        metrics = NO_METRICS if counted is None else counted.metrics
        self.core = ConnectedCore(settings, self.options, metrics)
        self.database = self.core.database
        self.session_cache = self.core.session_cache
        self.clock, self.ids = self.core.clock, self.core.ids
        self.clients = ClientRegistry(settings.clients.registered)
        self._coming_up: asyncio.Task[None] | None = None
        self._watching_keys: asyncio.Task[None] | None = None
        self._migrated = False
        self._measuring: asyncio.Task[None] | None = None
        self._worker = Worker(tasks_of(self.core), metrics=metrics)
        self.health = Health(
            self.database.check,
            lambda: self.session_cache.available and self.core.rate_limiter.shared,
            self.core.keys,
            self.clock,
        )

    async def start(self) -> None:
        """Connect what answers. What does not is waited for while requests get 503.

        Raises Misconfigured when only an operator can help: wrong master key, wrong schema.
        """
        if self.settings.tokens.algorithm == "HS256":
            _log.warning(
                "hs256_legacy_mode",
                effect="the JWKS is empty, and whoever can verify a token can make one",
                advice="set JWT_ALGORITHM=ES256 as soon as every verifier reads the JWKS",
            )
        self._warn_about_mail()
        self._warn_about_webhooks()
        came_up = await self._come_up()
        await self.session_cache.start()  # it trusts Redis only once it has asked the tables
        await self.core.revocations.start()
        await self.core.grants_watch.start()
        if self.settings.worker.embedded:
            await self._worker.start()
        self._watching_keys = asyncio.create_task(self._watch_keys())
        self.start_measuring()
        if not came_up:
            self._coming_up = asyncio.create_task(self._keep_trying())

    async def close(self) -> None:
        """Release everything, in the reverse order of use."""
        tasks = (self._coming_up, self._watching_keys, self._measuring)
        await end_tasks(task for task in tasks if task)
        await self._worker.close()
        await self.core.close()

    def start_measuring(self) -> None:
        """Keep the metrics of the deployment fresh, if it is this process that does."""
        if self._telemetry is not None and self._telemetry.measures:
            from app.metrics.deployment import keep_measuring  # noqa: PLC0415 - as `_telemetry`

            self._measuring = asyncio.create_task(keep_measuring(self.core))

    def listen_for_scrapes(self) -> None:
        """Serve `/metrics` on its own port, if there is one. Raises Misconfigured."""
        port = self.settings.metrics.port
        if self._telemetry is not None and port is not None:
            from app.metrics.listener import MetricsListener  # noqa: PLC0415 - as `_telemetry`

            host = self.settings.metrics.host
            MetricsListener(host, port, self._telemetry.page).start()

    @property
    def metrics_page(self) -> Callable[[], bytes] | None:
        """What reads the metrics of all workers for the port of the API, if they are there."""
        if self._telemetry is None or self.settings.metrics.port is not None:
            return None
        return self._telemetry.page

    def _warn_about_mail(self) -> None:
        if self.settings.mail.host is None and not self.settings.service.is_development:
            _log.warning(
                "mail_not_configured",
                effect="letters wait in the outbox: nobody gets a link or a code",
                advice="set SMTP_HOST, SMTP_FROM and AUTH_PUBLIC_URL",
            )

    def _warn_about_webhooks(self) -> None:
        if self.settings.webhooks.allow_private and not self.settings.service.is_development:
            _log.warning(
                "webhooks_reach_private_networks",
                effect="whoever may make a webhook can send requests to this machine and to the"
                " networks behind it",
                advice="unset AUTH_WEBHOOK_ALLOW_PRIVATE",
            )

    def unit_of_work(self) -> PostgresUnitOfWork:
        """A new transaction."""
        return self.core.unit_of_work()

    async def team_place(self, team_id: TeamId) -> OrganizationId | None:
        """Whose team it is, or None when there is none. Raises Unavailable."""
        async with self.unit_of_work().for_platform() as uow:
            return await uow.teams.organization_of(team_id)

    async def _migrate(self) -> None:
        from adapters.postgres.schema import migrate  # noqa: PLC0415 - Alembic is slow to import

        url = self.settings.database.url
        if url is not None:
            owner = self.settings.database.owner_url or url
            await asyncio.to_thread(migrate, owner, service=url)

    async def _warn_about_role(self) -> None:
        role = await self.database.role()
        if role.bypasses_row_security or role.owns_tables:
            _log.warning(
                "database_role_too_powerful",
                role=role.name,
                effect="row-level security does not bind this role"
                if role.bypasses_row_security
                else "this role owns the tables, and can switch their row-level security off",
                advice="see docs/guides/database-roles.md: DATABASE_OWNER_URL is for migrations,"
                " DATABASE_URL for a role that owns nothing",
            )

    async def _come_up(self) -> bool:
        """Migrate if asked to, check the schema, load or create the keys, seed the administrator.

        False when PostgreSQL does not answer, which the database has logged.
        """
        try:
            if self.settings.database.migrate_on_start and not self._migrated:
                await self._migrate()
                self._migrated = True
            await self.database.check()
            await self._warn_about_role()
            await self.core.keys.ring()
            await self.core.keys.tend()
            await self._seed_admin()
        except Unavailable:
            return False
        return True

    async def _keep_trying(self) -> None:
        """Come up as soon as that is possible, also after an operator has repaired something."""
        told = ""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                if await self._come_up():
                    return
            except Misconfigured as error:
                if error.message != told:
                    _log.critical("misconfigured", error_code=error.code, detail=error.message)
                told = error.message
            except Exception:  # noqa: BLE001 - a worker must not give up for want of a case here
                _log.exception("cannot_come_up")

    async def _watch_keys(self) -> None:
        """Keep the ring fresh also while no requests do: the first one must not meet a revoked key.

        Says once what an operator must see to.
        """
        told = feed_told = ""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(AuthCoreError):
                await self.core.keys.ring()
            if self.core.revocations.problem != feed_told:
                feed_told = self.core.revocations.problem
                _log.error("revocation_feed_fault", reason=feed_told, effect="it is tried again")
            if self.core.keys.problem != told:
                told = self.core.keys.problem
                if told:
                    _log.critical("key_not_usable", detail=told)

    async def _seed_admin(self) -> None:
        """Create the administrator that the settings name, unless there is such a user."""
        seed = self.settings.registration
        if seed.admin_username is None or seed.admin_password is None:
            return
        try:
            registration = Registration.parse(username=seed.admin_username)
            existing = await self._find_user(registration.username)
            if existing is None:
                await self.core.password_policy.check(
                    seed.admin_password.reveal(),
                    names=registration.names,
                    field="DASHBOARD_PASSWORD",
                )
                await self.core.administration.create(
                    None, registration, password=seed.admin_password, roles=("admin",)
                )
            elif not existing.administrates:
                what = f"is {existing.status}" if existing.is_admin else "is not an administrator"
                _log.critical("admin_not_seeded", detail=f"the user of DASHBOARD_USERNAME {what}")
        except InvalidInput as error:
            raise Misconfigured(
                f"the account of DASHBOARD_USERNAME cannot be made: {error.message}"
            ) from error
        except UsernameTaken:  # another worker was faster
            return
        except EmailTaken:
            _log.critical("admin_not_seeded", detail="somebody else has its e-mail address")

    async def _find_user(self, username: Username) -> User | None:
        async with self.unit_of_work() as uow:
            return await uow.users.find(username)


def _telemetry(settings: Settings) -> "Telemetry | None":
    if not settings.metrics.enabled:
        return None
    from app.metrics.telemetry import Telemetry  # noqa: PLC0415 - most workers do without

    return Telemetry()


def options(settings: Settings) -> Options:
    """The core's view of the settings."""
    mode = _registration_mode(settings)
    return Options(
        issuer=settings.tokens.issuer,
        audience=settings.tokens.audience,
        access_lifetime=timedelta(minutes=settings.tokens.access_minutes),
        permissions_claim=settings.tokens.permissions_bytes,
        session_idle_lifetime=timedelta(days=settings.tokens.refresh_days),
        session_lifetime=_session_lifetime(settings),
        key_rotation_period=timedelta(days=settings.security.key_rotation_days),
        refresh_parallel_window=timedelta(seconds=settings.sessions.refresh_parallel_seconds),
        retention=_retention(settings),
        audit_retention=timedelta(days=settings.worker.audit_days) or None,
        mail_retention=timedelta(days=settings.mail.retention_days),
        event_schemas=f"{own_address(settings)}/events/schemas",
        webhooks=WebhookPolicy(retention=timedelta(days=settings.webhooks.log_days)),
        mail_relay=_mail_relay(settings),
        passwords=PasswordRules(
            service_names=("FaultMaven", urlsplit(settings.tokens.issuer).hostname or "")
        ),
        step_up_max_age=timedelta(minutes=settings.sessions.step_up_minutes),
        resources=settings.access.resources,
        organizations=_organizations(settings.organizations),
        profile=ProfilePolicy(claims=settings.profile.claims, time_zones=time_zones()),
        attempts=AttemptPolicy() if settings.limits.enabled else None,
        sign_in=SignInPolicy(
            development=settings.service.is_development,
            registration=mode is RegistrationMode.OPEN,
            passwords=settings.registration.password_auth,
        ),
        self_service=SelfServicePolicy(
            registration=mode,
            email_sign_in=settings.registration.email_sign_in,
            deletion_grace=timedelta(days=settings.registration.deletion_grace_days),
        ),
    )


def _session_lifetime(settings: Settings) -> timedelta:
    longest = max(settings.tokens.refresh_days, DEFAULT_SESSION_DAYS)
    return timedelta(days=settings.sessions.max_days or longest)


def _organizations(settings: OrganizationSettings) -> OrganizationPolicy:
    return OrganizationPolicy(
        max_members=settings.max_members,
        max_teams=settings.max_teams,
        max_domains=settings.max_domains,
        max_owned=settings.max_owned,
        anybody_creates=settings.creation == "anybody",
        invitation_days=settings.invitation_days,
        deletion_grace=timedelta(days=settings.deletion_grace_days),
    )


def _mail_relay(settings: Settings) -> RelayPolicy:
    return RelayPolicy(claim_time=timedelta(seconds=settings.mail.timeout_seconds) + CLAIM_SLACK)


def own_address(settings: Settings) -> str:
    """Where others reach this service, without a slash at the end; never from a request."""
    return (settings.public_url or settings.tokens.issuer).rstrip("/")


def _retention(settings: Settings) -> RetentionPolicy:
    return RetentionPolicy(
        sessions=timedelta(days=settings.worker.session_days),
        events=timedelta(days=settings.events.retention_days),
    )


def _registration_mode(settings: Settings) -> RegistrationMode:
    registration = settings.registration
    return RegistrationMode(registration.mode) if registration.enabled else RegistrationMode.CLOSED
