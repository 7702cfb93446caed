"""The settings of the process itself and of the servers that it uses."""

from app.settings import connect, parse
from app.settings.field import Field
from app.settings.sentinel import SENTINEL

SERVICE = (
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
        name="AUTH_SHUTDOWN_DELAY",
        attribute="service.shutdown_delay",
        kind=parse.integer(0, 300),
        default="5",
        development="0",
        description="Seconds for which it serves on when told to stop, with `/health/ready` at 503:"
        " as long as a load balancer takes to notice",
    ),
    Field(
        name="SHUTDOWN_TIMEOUT",
        attribute="service.shutdown_timeout",
        kind=parse.integer(5, 600),
        default="25",
        development="10",
        description="Seconds from the signal to the end, at most, AUTH_SHUTDOWN_DELAY included."
        " Requests that take longer are cut, and the log says so",
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

DATABASE = (
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
        name="DATABASE_OWNER_URL",
        attribute="database.owner_url",
        kind=connect.database_url(),
        default_note="not set: the role of DATABASE_URL owns the tables, too",
        example="postgresql://fm_auth_owner:password@localhost:5432/fm_auth",
        secret=True,
        description="The same database as the role that owns the tables, for migrations only:"
        " `fm-auth migrate` gives the role of DATABASE_URL what it needs, and no more",
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

REDIS = (
    Field(
        name="REDIS_URL",
        attribute="redis.url",
        kind=connect.redis_url(),
        default_note="not set: `fm-auth serve` starts its own Valkey",
        example="redis://localhost:6379/0",
        secret=True,
        description="Redis or Valkey server; says all that the other names of Redis say",
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
        description="Database number on REDIS_HOST, or on the primary",
    ),
    Field(
        name="REDIS_PASSWORD",
        attribute="redis.password",
        kind=parse.secret_text(1, 1024),
        secret=True,
        description="Password of REDIS_HOST, or of the servers behind the sentinels",
    ),
    Field(
        name="REDIS_MODE",
        attribute="redis.mode",
        kind=parse.choice("standalone", "sentinel", "cluster"),
        default="standalone",
        description="One server, what sentinels name as the primary, or a cluster of which"
        " REDIS_HOST or REDIS_URL names a node",
    ),
    *SENTINEL,
)
