"""Every setting, described once. Parsing, ``.env.example``, the README table and
``fm-auth config show`` are all generated from this table.
"""

from app.settings import clients, connect, parse, profile, resources
from app.settings.events import EVENTS
from app.settings.field import Field
from app.settings.limits import LIMITS, PROXIES
from app.settings.mail import MAIL
from app.settings.organizations import ORGANIZATIONS
from app.settings.passwords import PASSWORDS
from app.settings.servers import DATABASE, REDIS, SERVICE
from app.settings.telemetry import TELEMETRY
from app.settings.webhooks import WEBHOOKS

EXAMPLE_PASSWORD = "changeme-please"  # noqa: S105  (documented, and refused outside development)


_TOKENS = (
    Field(
        name="JWT_ALGORITHM",
        attribute="tokens.algorithm",
        kind=parse.choice("RS256", "ES256", "Ed25519", "HS256"),
        default="RS256",
        description="Signs access tokens; a change is a rotation: old tokens live on. HS256 is for"
        " old single services: whoever can verify its tokens can make them",
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
    Field(
        name="AUTH_PERMISSIONS_CLAIM_BYTES",
        attribute="tokens.permissions_bytes",
        kind=parse.integer(0, 4096),
        default="0",
        default_note="no claim",
        example="2048",
        description="How long the claim `permissions` of an access token may be; a token of whoever"
        " may do more goes without. It is as old as the token",
    ),
    Field(
        name="JWT_SECRET_KEY",
        attribute="tokens.secret_key",
        kind=parse.secret_text(1, 4096),
        secret=True,
        description="Key of HS256, at least 32 bytes; not looked at for other algorithms",
    ),
    Field(
        name="AUTH_ALLOW_HS256",
        attribute="tokens.allow_hs256",
        kind=parse.boolean(),
        default="false",
        description="Take HS256 outside development, too",
    ),
    Field(
        name="JWT_PRIVATE_KEY_PATH",
        attribute="tokens.private_key_path",
        kind=parse.path(),
        default_note="not set: keys are made and rotated",
        example="/run/secrets/jwt.pem",
        description="Private key in PEM form that signs from the first start that finds it; it is"
        " sealed into the database and rotates like any other",
    ),
    Field(
        name="JWT_PUBLIC_KEY_PATH",
        attribute="tokens.public_key_path",
        kind=parse.path(),
        example="/run/secrets/jwt.pub.pem",
        description="Public key in PEM form, only to check that it belongs to JWT_PRIVATE_KEY_PATH",
    ),
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
        description="How long a refresh token still gets the newest one after its successor was"
        " used (two tabs, a retry); after that it is taken for stolen, and the session ends",
    ),
    Field(
        name="AUTH_SESSION_IP",
        attribute="sessions.ip_detail",
        kind=parse.choice("full", "network", "none"),
        default="network",
        description="What a session keeps of the address it began at: all, its /24 or /48, nothing",
    ),
    Field(
        name="AUTH_STEP_UP_MINUTES",
        attribute="sessions.step_up_minutes",
        kind=parse.integer(1, 1440),
        default="15",
        description="How recent a sign-in must be for what is sensitive: roles, acting for a user;"
        " after that the password is asked for again",
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
        description="false is the same as REGISTRATION_MODE=closed",
    ),
    Field(
        name="REGISTRATION_MODE",
        attribute="registration.mode",
        kind=parse.choice("open", "verified", "invite", "closed"),
        default="verified",
        development="open",
        description="Who gets an account: everybody at once; everybody who proves their address by"
        " a mailed link first; whoever `fm-auth user invite` has invited; nobody",
    ),
    Field(
        name="AUTH_EMAIL_SIGN_IN",
        attribute="registration.email_sign_in",
        kind=parse.boolean(),
        default="false",
        development="true",
        description="Whether a mailed link or 6-digit code signs in. Mail is no authenticator under"
        " NIST SP 800-63B-4 (3.1.3): whoever reads the mailbox has the account",
    ),
    Field(
        name="AUTH_DELETION_GRACE_DAYS",
        attribute="registration.deletion_grace_days",
        kind=parse.integer(0, 365),
        default="30",
        description="How long an account can be restored after its owner has deleted it",
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
        description="Administrator made at start if missing; goes with DASHBOARD_PASSWORD. An"
        " account that exists keeps its password and its roles",
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

_PROFILES = (
    Field(
        name="AUTH_PROFILE_CLAIMS_SCHEMA",
        attribute="profile.claims",
        kind=profile.claims_schema(),
        default="{}",
        default_note="none",
        example='{"department": "string", "floor": "integer"}',
        description="Custom claims that people may set in their profile, each with its kind",
    ),
    Field(
        name="AUTH_RESOURCES",
        attribute="access.resources",
        kind=resources.registered_resources(),
        default="{}",
        default_note="none",
        example='{"incidents": ["read", "write", "close"]}',
        description="Resources of the services that use this one, each with the actions that roles"
        " can permit",
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
        name="AUTH_MASTER_KEY_PREVIOUS",
        attribute="security.previous_master_key",
        kind=connect.master_key(),
        secret=True,
        description="The master key before this one, until `fm-auth key rewrap` has run",
    ),
    Field(
        name="AUTH_KEY_ROTATION_DAYS",
        attribute="security.key_rotation_days",
        kind=parse.integer(1, 365),
        default="30",
        description="Age at which a signing key is replaced by the next one",
    ),
    Field(
        name="AUTH_SESSION_CACHE_SECONDS",
        attribute="cache.session_seconds",
        kind=parse.integer(1, 900),
        default="120",
        description="How long a session may be served from Redis before PostgreSQL is asked again",
    ),
)

_WORKER = (
    Field(
        name="AUTH_EMBEDDED_WORKER",
        attribute="worker.embedded",
        kind=parse.boolean(),
        default="true",
        description="Whether `fm-auth serve` also rotates keys, sends mail, events and webhooks,"
        " and removes what is over; with false run `fm-auth worker` beside it",
    ),
    Field(
        name="AUTH_SESSION_RETENTION_DAYS",
        attribute="worker.session_days",
        kind=parse.integer(1, 3650),
        default="30",
        description="How long a session that is over is kept, to recognise the reuse of its tokens",
    ),
    Field(
        name="AUTH_AUDIT_RETENTION_DAYS",
        attribute="worker.audit_days",
        kind=parse.integer(0, 36500),
        default="0",
        default_note="for ever",
        description="How long records are kept in the audit trail; 0 keeps them for ever",
    ),
)

_CLIENTS = (
    Field(
        name="AUTH_CLIENTS",
        attribute="clients.registered",
        kind=clients.registered_clients(),
        default="[]",
        default_note="none",
        secret=True,
        description="Services that may introspect or revoke tokens, follow the revocation feed or"
        " read metrics, and can bind the sessions that they begin to themselves",
    ),
)

GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    ("Service", SERVICE),
    ("PostgreSQL", DATABASE),
    ("Redis or Valkey", REDIS),
    ("Tokens", _TOKENS),
    ("Sessions", _SESSIONS),
    ("Browsers", _CORS),
    ("Accounts", _REGISTRATION),
    ("Mail", MAIL),
    ("Passwords", PASSWORDS),
    ("Profiles", _PROFILES),
    ("Organizations", ORGANIZATIONS),
    ("Keys and caches", _SECURITY),
    ("Housekeeping", _WORKER),
    ("Events", EVENTS),
    ("Webhooks", WEBHOOKS),
    ("Callers", _CLIENTS),
    ("Limits", LIMITS),
    ("Proxies", PROXIES),
    ("Telemetry", TELEMETRY),
)
FIELDS: tuple[Field, ...] = tuple(field for _, fields in GROUPS for field in fields)
