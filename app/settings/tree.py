"""The settings as one frozen tree. Built by `load_settings`; nothing else reads the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from auth_core.clients import Client
from auth_core.kernel import Secret
from auth_core.users import ClaimKind

Environment = Literal["development", "staging", "production"]
LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
Source = Literal["default", "env", "file"]


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The process: where it listens, what it logs, where it keeps its files."""

    environment: Environment
    host: str
    port: int
    workers: int
    shutdown_delay: int
    """In seconds, like ``shutdown_timeout``, which includes it."""
    shutdown_timeout: int
    log_level: LogLevel
    log_format: LogFormat
    data_dir: Path

    @property
    def is_development(self) -> bool:
        """Whether the password-less development routes exist."""
        return self.environment == "development"


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL. ``url`` has the ``postgresql+asyncpg`` scheme; None means: start our own."""

    url: Secret[str] | None
    owner_url: Secret[str] | None
    """For the migrations; None means that ``url`` is the owner's, too."""
    pool_size: int
    max_overflow: int
    allow_newer_schema: bool
    migrate_on_start: bool


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Redis or Valkey. ``url`` says everything; None means: start our own."""

    mode: Literal["standalone", "sentinel", "cluster"]
    url: Secret[str] | None
    host: str | None
    port: int | None
    db: int
    password: Secret[str] | None
    sentinel_hosts: tuple[str, ...] | None
    master_set: str | None
    sentinel_password: Secret[str] | None


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens say and how long they live."""

    algorithm: Literal["RS256", "ES256", "Ed25519", "HS256"]
    secret_key: Secret[str] | None
    allow_hs256: bool
    private_key_path: Path | None
    public_key_path: Path | None
    issuer: str
    audience: str
    access_minutes: int
    refresh_days: int
    permissions_bytes: int


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions last and what they keep of where they began."""

    max_days: int | None
    refresh_parallel_seconds: int
    ip_detail: Literal["full", "network", "none"]
    step_up_minutes: int


class CorsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which web origins may call. An entry is an origin, ``*``, or an extension scheme + ``*``."""

    origins: tuple[str, ...]
    allow_credentials: bool


class RegistrationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sign up, how they log in and leave, and the administrator seeded at start."""

    enabled: bool
    mode: Literal["open", "verified", "invite", "closed"]
    email_sign_in: bool
    deletion_grace_days: int
    password_auth: bool
    admin_username: str | None
    admin_password: Secret[str] | None


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed and looked up. ``pepper``: names and keys, the current one first."""

    memory_kib: int
    passes: int
    lanes: int
    allow_weak: bool
    pepper: tuple[tuple[str, Secret[bytes]], ...] | None
    breach_url: str | None
    breach_failure: Literal["open", "closed"] | None


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What people may say about themselves: the custom claims with their kinds."""

    claims: dict[str, ClaimKind]


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """``master_key``: 32 bytes; None only in the embedded run, which keeps its own in a file."""

    master_key: Secret[bytes] | None
    previous_master_key: Secret[bytes] | None
    key_rotation_days: int


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What runs beside the requests, and how long things are kept."""

    embedded: bool
    session_days: int
    audit_days: int


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets events, and how long they are kept for replays."""

    retention_days: int
    stream_length: int
    """About how many entries the Redis stream of events keeps; 0 for no stream."""
    nats_url: Secret[str] | None
    """Servers of one cluster, separated by commas; None for no events to NATS."""
    nats_stream: str
    nats_stream_length: int


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The services that may ask about tokens."""

    registered: tuple[Client, ...]


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Request limits; ``period`` in seconds."""

    enabled: bool
    requests: int
    period: int


class ProxySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whose word about the client's address counts: networks, and perhaps ``unix``."""

    trusted: tuple[str, ...] | None
    header: Literal["X-Forwarded-For", "Forwarded", "X-Real-IP"]
    hops: int | None


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long cached state may serve."""

    session_seconds: int


class MailSender(msgspec.Struct, frozen=True):
    """Who letters are from."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server. ``host`` None means: letters wait in the outbox."""

    public_url: str | None
    host: str | None
    port: int | None
    security: Literal["starttls", "tls", "none"]
    ca_path: Path | None
    username: str | None
    password: Secret[str] | None
    sender: MailSender | None
    timeout_seconds: int
    retention_days: int


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics. ``port`` None means: on the port of the API, for registered callers."""

    enabled: bool
    port: int | None
    host: str


class TracingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Traces, as OpenTelemetry names their settings; texts are as they were given."""

    enabled: bool
    disabled: str
    endpoint: str
    traces_endpoint: str | None
    protocol: str
    headers: Secret[str] | None
    service_name: str | None
    resource: str | None
    sampler: str
    ratio: str


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where webhooks may go, and how long their log is."""

    allow_private: bool
    log_days: int


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be permitted beyond what this service has itself."""

    resources: Mapping[str, tuple[str, ...]]


class DnsServer(msgspec.Struct, frozen=True):
    """A name server."""

    address: str
    """An IP address."""
    port: int

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{shown}:{self.port}"


class OrganizationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What organizations may have, and how long things last that concern them."""

    creation: Literal["anybody", "admins"]
    max_owned: int
    max_members: int
    max_teams: int
    max_domains: int
    invitation_days: int
    deletion_grace_days: int
    dns_servers: tuple[DnsServer, ...] | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an operator decides."""

    service: ServiceSettings
    database: DatabaseSettings
    redis: RedisSettings
    tokens: TokenSettings
    sessions: SessionSettings
    cors: CorsSettings
    registration: RegistrationSettings
    passwords: PasswordSettings
    profile: ProfileSettings
    access: AccessSettings
    organizations: OrganizationSettings
    security: SecuritySettings
    cache: CacheSettings
    worker: WorkerSettings
    events: EventSettings
    webhooks: WebhookSettings
    clients: ClientSettings
    mail: MailSettings
    limits: LimitSettings
    proxies: ProxySettings
    metrics: MetricsSettings
    tracing: TracingSettings
    not_in_effect: tuple[str, ...]
    """Names that are set and known but do nothing in this version: warn about each at start."""
    sources: tuple[tuple[str, Source], ...]
    """Where each setting that is not at its default came from, by its main name."""

    @property
    def public_url(self) -> str | None:
        """Where people reach this service; None only outside development."""
        if self.mail.public_url is None and self.service.is_development:
            return f"http://127.0.0.1:{self.service.port}"
        return self.mail.public_url

    @property
    def embedded(self) -> bool:
        """Whether this run starts its own PostgreSQL and Valkey."""
        return self.database.url is None
