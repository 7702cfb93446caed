"""The core on PostgreSQL and Redis, for the service and for any other process that wants it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol, TypeVar

from adapters.breach import RangeApi
from adapters.crypto import (
    Argon2Hasher,
    EnvelopeSealer,
    JoseKeyGenerator,
    JoseSigner,
    key_from_pem,
    key_from_secret,
    require_public_half,
)
from adapters.dns import DnsNames, NameServer
from adapters.mail import CatalogueRenderer, Sender, SmtpMailer, SmtpServer
from adapters.postgres import Database, Noted, PostgresRefreshCounter, PostgresUnitOfWork
from adapters.redis import (
    DEFAULT_SHARE,
    Digests,
    LocalFailureSpread,
    LocalRateLimiter,
    RedisEventStream,
    RedisFailureSpread,
    RedisRateLimiter,
    RedisRevocationStream,
    resync_window,
    session_cache_at,
)
from adapters.system import SystemClock, SystemEntropy, SystemIds
from adapters.webhooks import HttpWebhookSender, SystemResolver
from app.observability import REQUEST_ID
from app.settings import (
    DatabaseSettings,
    EventSettings,
    MailSettings,
    OrganizationSettings,
    PasswordSettings,
    SecuritySettings,
    Settings,
    TokenSettings,
    WebhookSettings,
    load_settings,
)
from auth_core.core import Core, Options, Ports
from auth_core.credentials import BreachLookup, OnLookupFailure
from auth_core.events import EventPublisher
from auth_core.kernel import (
    NO_METRICS,
    Clock,
    Metrics,
    Misconfigured,
    Secret,
    SessionId,
    UserId,
)
from auth_core.keys import SigningKey
from auth_core.mail import LetterVault

T = TypeVar("T", str, bytes)

_SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class ConnectedCore(Core):
    """A `Core` on PostgreSQL and Redis, with a hand on its connections. Making it does no I/O.

    The caller starts ``session_cache`` once the database answers, and calls `close`.
    """

    noted: Noted | None = None
    """Gets the events of each unit of work, and gives back those to keep."""

    def __init__(self, settings: Settings, options: Options, metrics: Metrics = NO_METRICS) -> None:
        """Raises Misconfigured when ``settings`` lack a server or the master key."""
        self.database = _database(settings.database, metrics)
        self._cache_lifetime = timedelta(seconds=settings.cache.session_seconds)
        redis_url = _required(settings.redis.url, "REDIS_URL")
        self.session_cache = session_cache_at(
            redis_url, self._recently_ended, ttl=self._cache_lifetime, metrics=metrics
        )
        self.stream = RedisRevocationStream(redis_url, access_lifetime=options.access_lifetime)
        master_key = _required(settings.security.master_key, "AUTH_MASTER_KEY")
        self.rate_limiter, spread = self._counters(settings, master_key)
        self.clock, self.ids = SystemClock(), SystemIds()
        self._hasher = _hasher(settings.passwords, metrics)
        self._range_api = _range_api(settings.passwords)
        self.options = options
        self._vault = LetterVault(sealer := _sealer(settings.security))
        self.ports = Ports(
            unit_of_work=self.unit_of_work,
            refresh_counter=PostgresRefreshCounter(self.database),
            session_cache=self.session_cache,
            revocation_stream=self.stream,
            password_hasher=self._hasher,
            sealer=sealer,
            key_generator=_key_generator(settings.tokens, self.clock),
            token_signer=JoseSigner(),
            rate_limiter=self.rate_limiter,
            failure_spread=spread,
            clock=self.clock,
            ids=self.ids,
            entropy=SystemEntropy(),
            metrics=metrics,
            webhook_sender=self._webhook_sender(settings.webhooks),
            letter_renderer=_renderer(settings),
            mailer=_mailer(settings.mail, self.clock),
            breach_lookup=_breach_lookup(self._range_api, settings.passwords),
            domain_names=_domain_names(settings.organizations),
            event_publishers=self._publishers(redis_url, settings.events),
        )
        super().__init__(self.ports, options)

    def _publishers(
        self, redis_url: Secret[str], events: EventSettings
    ) -> tuple[EventPublisher, ...]:
        self._event_streams: list[_EventStream] = []
        if events.stream_length:
            self._event_streams.append(RedisEventStream(redis_url, max_length=events.stream_length))
        if events.nats_url is not None:
            self._event_streams.append(_nats(events.nats_url, events))
        return tuple(self._event_streams)

    def _webhook_sender(self, webhooks: WebhookSettings) -> HttpWebhookSender:
        self._names = SystemResolver()
        return HttpWebhookSender(self._names, allow_private=webhooks.allow_private)

    def unit_of_work(self) -> PostgresUnitOfWork:
        """A new transaction."""
        return PostgresUnitOfWork(self.database, self._vault, noted=self.noted)

    async def close(self) -> None:
        """Release everything, in the reverse order of use."""
        await self.keys.close()
        await self.grants_watch.close()
        await self.revocations.close()
        await self.stream.close()
        for stream in self._event_streams:
            await stream.close()
        await self.session_cache.close()
        await self.database.close()
        self._hasher.close()
        self._names.close()
        if self._range_api is not None:
            self._range_api.close()

    def _counters(
        self, settings: Settings, master_key: Secret[bytes]
    ) -> tuple[RedisRateLimiter, RedisFailureSpread]:
        connection, digests = self.session_cache.connection, Digests(master_key)
        local = LocalRateLimiter(share=max(settings.service.workers, DEFAULT_SHARE))
        return (
            RedisRateLimiter(connection, digests, local),
            RedisFailureSpread(connection, digests, LocalFailureSpread()),
        )

    async def _recently_ended(self) -> list[tuple[UserId, SessionId]]:
        since = self.clock.now() - resync_window(self._cache_lifetime)
        async with self.unit_of_work() as uow:
            ended = await uow.sessions.ended_since(since)
        return [(one.user_id, one.session_id) for one in ended]


@asynccontextmanager
async def open_core(
    options: Options | None = None, *, database_url: str, redis_url: str, master_key: str
) -> AsyncIterator[ConnectedCore]:
    """A core that is ready, closed at the end of the block.

    The three texts are what DATABASE_URL, REDIS_URL and AUTH_MASTER_KEY may be; the tables are made
    by `fm-auth migrate`. On the servers of a running service it is one more worker, if it gets the
    same ``options``. Logging is the caller's: events go to structlog as it is configured, and
    `app.observability.configure_logging` gives the service's own, which redacts secrets. Raises
    SettingsError, Misconfigured (wrong master key, wrong schema), and
    Unavailable when PostgreSQL does not answer.
    """
    settings = load_settings(
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "AUTH_MASTER_KEY": master_key}
    )
    core = ConnectedCore(settings, Options() if options is None else options)
    try:
        await core.database.check()
        await core.keys.ring()
        await core.session_cache.start()
        await core.revocations.start()
        await core.grants_watch.start()
        yield core
    finally:
        await core.close()


class _EventStream(EventPublisher, Protocol):
    async def close(self) -> None: ...


def _nats(url: Secret[str], events: EventSettings) -> _EventStream:
    try:
        from adapters.nats import NatsEventStream  # noqa: PLC0415 - an extra that few need
    except ModuleNotFoundError as error:
        raise Misconfigured(
            "AUTH_NATS_URL needs the extra nats: pip install 'fm-auth-service[nats]'"
        ) from error
    return NatsEventStream(url, stream=events.nats_stream, max_length=events.nats_stream_length)


def _in_request() -> bool:
    return REQUEST_ID.get() != ""


def _database(database: DatabaseSettings, metrics: Metrics) -> Database:
    return Database(
        _required(database.url, "DATABASE_URL"),
        pool_size=database.pool_size,
        max_overflow=database.max_overflow,
        allow_newer_schema=database.allow_newer_schema,
        metrics=metrics,
        in_request=_in_request,
    )


def _sealer(security: SecuritySettings) -> EnvelopeSealer:
    return EnvelopeSealer(
        _required(security.master_key, "AUTH_MASTER_KEY"), previous=security.previous_master_key
    )


def _hasher(passwords: PasswordSettings, metrics: Metrics) -> Argon2Hasher:
    return Argon2Hasher(
        memory_kib=passwords.memory_kib,
        passes=passwords.passes,
        lanes=passwords.lanes,
        pepper=passwords.pepper or (),
        metrics=metrics,
    )


def _range_api(passwords: PasswordSettings) -> RangeApi | None:
    return None if passwords.breach_url is None else RangeApi(passwords.breach_url)


def _breach_lookup(api: RangeApi | None, passwords: PasswordSettings) -> BreachLookup | None:
    if api is None or passwords.breach_failure is None:
        return None
    return BreachLookup(api, OnLookupFailure(passwords.breach_failure))


def _domain_names(organizations: OrganizationSettings) -> DnsNames:
    servers = organizations.dns_servers or ()
    return DnsNames([NameServer(each.address, each.port) for each in servers])


def _key_generator(tokens: TokenSettings, clock: Clock) -> JoseKeyGenerator:
    given = _given_key(tokens, clock)
    return JoseKeyGenerator(clock, access_algorithm=tokens.algorithm, given=given)


def _given_key(tokens: TokenSettings, clock: Clock) -> Callable[[], SigningKey] | None:
    """How to read the access key that the settings bring along, if they do."""
    secret, private, public = tokens.secret_key, tokens.private_key_path, tokens.public_key_path
    if tokens.algorithm == "HS256" and secret is not None:
        return lambda: key_from_secret(Secret(secret.reveal().encode()), clock.now())
    if private is None:
        return None

    def read() -> SigningKey:
        if public is not None:
            require_public_half(private, public)
        return key_from_pem(private, clock.now())

    return read


def _renderer(settings: Settings) -> CatalogueRenderer | None:
    """What writes letters, if it is known where their links lead."""
    if settings.public_url is None:
        return None
    sender = settings.mail.sender
    if sender is None or not sender.name:
        return CatalogueRenderer(settings.public_url)
    return CatalogueRenderer(settings.public_url, service_name=sender.name)


def _mailer(mail: MailSettings, clock: Clock) -> SmtpMailer | None:
    """What sends letters, if there is a mail server."""
    if mail.host is None or mail.sender is None:
        return None
    server = SmtpServer(
        host=mail.host,
        port=mail.port or _SMTP_PORTS[mail.security],
        security=mail.security,
        username=mail.username,
        password=mail.password,
        ca_path=mail.ca_path,
        timeout_seconds=mail.timeout_seconds,
    )
    return SmtpMailer(server, Sender(mail.sender.name, mail.sender.address), clock)


def _required(secret: Secret[T] | None, name: str) -> Secret[T]:
    if secret is None:  # the embedded run fills these in before it gets here
        raise Misconfigured(f"{name} is not set")
    return secret
