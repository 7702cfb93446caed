"""Every setting, described once. Parsing, ``.env.example``, the README table and
``fm-auth config show`` are all generated from this table.
"""

import msgspec

from app.settings import connect, parse
from app.settings.parse import Kind

EXAMPLE_PASSWORD = "changeme-please"  # noqa: S105  (documented, and refused outside development)


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    ``default`` is text as it would stand in the environment, empty for "not set";
    ``development`` replaces it in development. ``attribute`` is the place in the tree
    (``group.name``), empty for a name that has no effect yet.
    """

    name: str
    description: str
    kind: Kind
    attribute: str = ""
    default: str = ""
    development: str | None = None
    default_note: str = ""
    example: str = ""
    aliases: tuple[str, ...] = ()
    secret: bool = False

    @property
    def in_effect(self) -> bool:
        """Whether this version does anything with the value."""
        return bool(self.attribute)

    @property
    def names(self) -> tuple[str, ...]:
        """The main name, then the aliases."""
        return (self.name, *self.aliases)

    @property
    def shown_default(self) -> str:
        """The default in words."""
        if self.default_note:
            return self.default_note
        if self.development is not None:
            return f"{self.default or 'not set'}; in development {self.development}"
        return self.default or "not set"


def _later(name: str, description: str, *, secret: bool = False) -> Field:
    return Field(name=name, description=description, kind=parse.anything(), secret=secret)


_SERVICE = (
    Field(
        name="ENVIRONMENT",
        attribute="service.environment",
        kind=parse.choice("development", "staging", "production"),
        default="production",
        default_note="development when no server is configured, else production",
        example="production",
        description="Development allows log-in without a password and makes every user an admin",
    ),
    Field(
        name="HOST",
        attribute="service.host",
        kind=parse.host(),
        default="127.0.0.1",
        description="Address to listen on; a container needs 0.0.0.0",
    ),
    Field(
        name="PORT",
        attribute="service.port",
        kind=parse.port(),
        default="8000",
        description="Port to listen on",
    ),
    Field(
        name="WORKERS",
        attribute="service.workers",
        kind=parse.integer(1, 256),
        default="1",
        description="Worker processes; about one per core",
    ),
    Field(
        name="LOG_LEVEL",
        attribute="service.log_level",
        kind=parse.choice("debug", "info", "warning", "error", "critical"),
        default="info",
        description="Least important level that is logged; access lines are info",
    ),
    Field(
        name="LOG_FORMAT",
        attribute="service.log_format",
        kind=parse.choice("json", "console"),
        default="json",
        development="console",
        description="One JSON object per line, or lines for people",
    ),
    Field(
        name="AUTH_DATA_DIR",
        attribute="service.data_dir",
        kind=parse.path(),
        default=".data",
        description="Folder of the servers and the master key that the embedded run makes",
    ),
)

_DATABASE = (
    Field(
        name="DATABASE_URL",
        attribute="database.url",
        kind=connect.database_url(),
        default_note="not set: `fm-auth serve` starts its own PostgreSQL",
        example="postgresql://fm_auth:password@localhost:5432/fm_auth",
        secret=True,
        description="PostgreSQL server and database; needs REDIS_URL or REDIS_HOST beside it",
    ),
    Field(
        name="DB_POOL_SIZE",
        attribute="database.pool_size",
        kind=parse.integer(1, 1000),
        default="5",
        description="Connections of each worker to PostgreSQL",
    ),
    Field(
        name="DB_MAX_OVERFLOW",
        attribute="database.max_overflow",
        kind=parse.integer(0, 1000),
        default="10",
        description="Connections that each worker may open beyond the pool",
    ),
    Field(
        name="AUTH_ALLOW_NEWER_SCHEMA",
        attribute="database.allow_newer_schema",
        kind=parse.boolean(),
        default="false",
        description="Serve on a database that a newer version has migrated (rolling back)",
    ),
    Field(
        name="AUTH_MIGRATE_ON_START",
        attribute="database.migrate_on_start",
        kind=parse.boolean(),
        default="false",
        description="Bring the schema up to date before serving; the embedded run always does",
    ),
)

_REDIS = (
    Field(
        name="REDIS_URL",
        attribute="redis.url",
        kind=connect.redis_url(),
        default_note="not set: `fm-auth serve` starts its own Valkey",
        example="redis://localhost:6379/0",
        secret=True,
        description="Redis or Valkey server; says all that the next four names say",
    ),
    Field(
        name="REDIS_HOST",
        attribute="redis.host",
        kind=parse.host(),
        example="localhost",
        description="Redis or Valkey host, instead of REDIS_URL",
    ),
    Field(
        name="REDIS_PORT",
        attribute="redis.port",
        kind=parse.port(),
        default="6379",
        description="Port of REDIS_HOST",
    ),
    Field(
        name="REDIS_DB",
        attribute="redis.db",
        kind=parse.integer(0, 9999),
        default="0",
        description="Database number on REDIS_HOST",
    ),
    Field(
        name="REDIS_PASSWORD",
        attribute="redis.password",
        kind=parse.secret_text(1, 1024),
        secret=True,
        description="Password of REDIS_HOST",
    ),
    Field(
        name="REDIS_MODE",
        attribute="redis.mode",
        kind=parse.choice("standalone", unavailable=("sentinel", "cluster")),
        default="standalone",
        description="sentinel and cluster are known but not available in this version",
    ),
    _later("REDIS_SENTINEL_HOSTS", "Sentinels, for REDIS_MODE=sentinel"),
    _later("REDIS_MASTER_SET", "Name of the master set, for REDIS_MODE=sentinel"),
)

_TOKENS = (
    Field(
        name="JWT_ALGORITHM",
        attribute="tokens.algorithm",
        kind=parse.choice("RS256", unavailable=("ES256", "Ed25519", "HS256")),
        default="RS256",
        description="ES256, Ed25519 and HS256 are known but not available in this version",
    ),
    Field(
        name="JWT_ISSUER",
        attribute="tokens.issuer",
        kind=parse.visible(),
        default="https://auth.faultmaven.ai",
        description="`iss` of every token; verifiers compare it exactly",
    ),
    Field(
        name="JWT_AUDIENCE",
        attribute="tokens.audience",
        kind=parse.visible(),
        default="faultmaven-api",
        description="`aud` of every token; verifiers compare it exactly",
    ),
    Field(
        name="ACCESS_TOKEN_EXPIRE_MINUTES",
        attribute="tokens.access_minutes",
        aliases=("JWT_ACCESS_TOKEN_EXPIRY_MINUTES",),
        kind=parse.integer(1, 1440),
        default="15",
        development="1440",
        description="Life of an access token; at 5 or less some clients refresh before each call",
    ),
    Field(
        name="REFRESH_TOKEN_EXPIRE_DAYS",
        attribute="tokens.refresh_days",
        aliases=("JWT_REFRESH_TOKEN_EXPIRY_DAYS",),
        kind=parse.integer(1, 365),
        default="7",
        description="Life of a refresh token: how long a session lasts without a refresh",
    ),
    _later("JWT_SECRET_KEY", "Key of the HS256 mode", secret=True),
    _later("JWT_PRIVATE_KEY_PATH", "Signing keys live sealed in PostgreSQL"),
    _later("JWT_PUBLIC_KEY_PATH", "Public keys are served at /.well-known/jwks.json"),
)

_SESSIONS = (
    Field(
        name="AUTH_SESSION_MAX_DAYS",
        attribute="sessions.max_days",
        kind=parse.integer(1, 3650),
        default_note="30, or REFRESH_TOKEN_EXPIRE_DAYS if that is more",
        example="30",
        description="How long a session lasts at most, however often it is refreshed",
    ),
    Field(
        name="AUTH_REFRESH_PARALLEL_SECONDS",
        attribute="sessions.refresh_parallel_seconds",
        kind=parse.integer(0, 300),
        default="10",
        description="How long a used refresh token still gets the newest one (two tabs, a retry);"
        " after that it is taken for stolen, and the session ends",
    ),
    Field(
        name="AUTH_SESSION_IP",
        attribute="sessions.ip_detail",
        kind=parse.choice("full", "network", "none"),
        default="network",
        description="What a session keeps of the address it began at: all, its /24 or /48, nothing",
    ),
)

_CORS = (
    Field(
        name="CORS_ORIGINS",
        attribute="cors.origins",
        kind=parse.origins(),
        default="[]",
        development='["http://localhost:3000", "chrome-extension://*", "moz-extension://*"]',
        description="Web origins that may call the API; browser extensions always may",
    ),
    Field(
        name="CORS_ALLOW_CREDENTIALS",
        attribute="cors.allow_credentials",
        kind=parse.boolean(),
        default="true",
        description="Whether those origins may send credentials",
    ),
)

_REGISTRATION = (
    Field(
        name="ENABLE_REGISTRATION",
        attribute="registration.enabled",
        kind=parse.boolean(),
        default="true",
        description="Whether people can register themselves",
    ),
    Field(
        name="ENABLE_PASSWORD_AUTH",
        attribute="registration.password_auth",
        kind=parse.boolean(),
        default="true",
        description="Whether people can log in with a password",
    ),
    Field(
        name="DASHBOARD_USERNAME",
        attribute="registration.admin_username",
        kind=parse.text(3, 254),
        example="admin",
        description="Administrator made at start if missing; goes with DASHBOARD_PASSWORD",
    ),
    Field(
        name="DASHBOARD_PASSWORD",
        attribute="registration.admin_password",
        kind=parse.secret_text(8, 1024),
        example=EXAMPLE_PASSWORD,
        secret=True,
        description="Password of that administrator, 15 characters or more outside development;"
        " the example is refused there",
    ),
)

_SECURITY = (
    Field(
        name="AUTH_MASTER_KEY",
        attribute="security.master_key",
        kind=connect.master_key(),
        default_note="required with DATABASE_URL; the embedded run makes one in AUTH_DATA_DIR",
        secret=True,
        description="Seals the signing keys in the database; without it the service does not start:"
        " keep a copy, apart from the database",
    ),
    Field(
        name="AUTH_SESSION_CACHE_SECONDS",
        attribute="cache.session_seconds",
        kind=parse.integer(1, 900),
        default="120",
        description="How long a session may be served from Redis before PostgreSQL is asked again",
    ),
)

_LATER = (
    _later("RATE_LIMIT_ENABLED", "Request limits"),
    _later("RATE_LIMIT_REQUESTS", "Requests per period"),
    _later("RATE_LIMIT_PERIOD", "Length of the period in seconds"),
    _later("ENABLE_METRICS", "Prometheus metrics"),
    _later("ENABLE_TRACING", "OpenTelemetry traces"),
)

GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    ("Service", _SERVICE),
    ("PostgreSQL", _DATABASE),
    ("Redis or Valkey", _REDIS),
    ("Tokens", _TOKENS),
    ("Sessions", _SESSIONS),
    ("Browsers", _CORS),
    ("Accounts", _REGISTRATION),
    ("Keys and caches", _SECURITY),
    ("Limits and telemetry", _LATER),
)
FIELDS: tuple[Field, ...] = tuple(field for _, fields in GROUPS for field in fields)
