"""The composition root: settings become adapters, adapters become ports, ports become the core."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from adapters.postgres import PostgresUnitOfWork
from app.health import Health
from app.in_process import ConnectedCore
from app.observability import AccessLine, no_access_line
from app.options import options
from app.settings import Settings, require_opentelemetry, traces_are_on
from app.worker import Worker, tasks_of
from auth_core.clients import ClientRegistry
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
from auth_core.users import Registration, User

if TYPE_CHECKING:
    from app.metrics.telemetry import Telemetry
    from app.tracing.process import Traces

RETRY_SECONDS = 1.0

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
        self.traces = _traces(settings)
        if self.traces is not None:
            self.traces.follow(self.core)
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
        if self.traces is not None:
            await self.traces.close()

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


def _traces(settings: Settings) -> "Traces | None":
    if not traces_are_on(settings.tracing):
        return None
    require_opentelemetry()
    from app.tracing.process import Traces  # noqa: PLC0415 - an extra that few need

    return Traces(settings)
