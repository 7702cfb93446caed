"""The tables. Every constraint has a name: errors are told apart by it.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from advanced_alchemy.types import DateTimeUTC, JsonB
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth_core.keys import KeyStatus, KeyUse
from auth_core.users import UserStatus

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Byte order: an operating system that brings other sorting rules cannot corrupt the unique indexes.
_CANONICAL = Text(collation="C")
_MOMENT = DateTimeUTC(timezone=True)


def _canonical(name: str) -> CheckConstraint:
    """A second wall behind the core's canonicalisation: lower case ASCII only (SEC-61, SEC-62)."""
    return CheckConstraint(
        text(f"{name} = lower({name}) AND octet_length({name}) = char_length({name})"),
        name=f"{name}_canonical",
    )


ADMINISTRATES = text("roles && ARRAY['admin', 'platform_admin'] AND status = 'active'")

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid),
    Column("username", _CANONICAL, nullable=False),
    Column("email", _CANONICAL, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("is_dev_user", Boolean, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    # never indexed: each login updates it
    Column("last_login_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("locale", Text),
    Column("time_zone", Text),
    Column("picture_url", Text),
    Column("claims", JsonB),
    UniqueConstraint("username"),
    UniqueConstraint("email"),
    _canonical("username"),
    _canonical("email"),
    CheckConstraint(column("status").in_([status.value for status in UserStatus]), name="status"),
    # for the search by prefix, and for who holds a role; none of them changes with a login
    Index(
        "ix_users_display_name",
        func.lower(column("display_name")).label("shown"),
        postgresql_ops={"shown": "text_pattern_ops"},
    ),
    Index("ix_users_roles", "roles", postgresql_using="gin"),
    Index("ix_users_administrators", "id", postgresql_where=ADMINISTRATES),
)

password_credentials = Table(
    "password_credentials",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id"), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
)

# The defaults of what revision 0002 brought are for sign-ins by the version before it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False),
    Column("organization_id", Uuid),
    Column("created_at", _MOMENT, nullable=False),
    # not indexed, like all that a refresh changes: it then updates no index
    Column("expires_at", _MOMENT, nullable=False),
    Column(
        "absolute_expires_at",
        _MOMENT,
        nullable=False,
        server_default=text("now() + interval '30 days'"),
    ),
    Column("last_used_at", _MOMENT, nullable=False, server_default=text("now()")),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{personal,team,global}'")),
    Column("user_epoch", Integer, nullable=False, server_default=text("0")),
    Column("client_id", Text),
    Column("user_agent", Text),
    Column("ip_address", Text),
    Column("refresh_counter", Integer, nullable=False, server_default=text("0")),
    Column("recent_rotations", ARRAY(_MOMENT), nullable=False, server_default=text("'{}'")),
    Column("ended_at", _MOMENT),
    Column("end_reason", Text),
    Column("reuse_detected_at", _MOMENT),
    Column("authenticated_at", _MOMENT),
    Column("amr", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("impersonator_id", Uuid),
    Column("impersonation_reason", Text),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ending"),
    Index("ix_sessions_live", "user_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_sessions_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    Index("ix_sessions_absolute_expires_at", "absolute_expires_at"),
    Index(
        "ix_sessions_impersonator_id",
        "impersonator_id",
        postgresql_where=text("ended_at IS NULL AND impersonator_id IS NOT NULL"),
    ),
)

ACTIVE_KEY = text("status = 'active'")

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("use", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("sealed_private_jwk", LargeBinary, nullable=False),
    Column("public_jwk", JsonB),
    Column("activates_at", _MOMENT),
    Column("activated_at", _MOMENT),
    Column("retired_at", _MOMENT),
    CheckConstraint(column("use").in_([use.value for use in KeyUse]), name="use"),
    CheckConstraint(column("status").in_([status.value for status in KeyStatus]), name="status"),
    Index("uq_signing_keys_active", "use", unique=True, postgresql_where=ACTIVE_KEY),
)

# One row for each key that ever was; it keeps one that was revoked from coming back.
departed_keys = Table(
    "departed_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("use", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("departed_at", _MOMENT, nullable=False),
)

# No foreign keys: what has happened stays true when its subject is erased.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("type", Text, nullable=False),
    Column("user_id", Uuid),
    Column("organization_id", Uuid),
    Column("occurred_at", _MOMENT, nullable=False),
    Column("payload", JsonB, nullable=False),
    UniqueConstraint("position"),
)

# Append-only. No foreign keys, as above.
audit_records = Table(
    "audit_records",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("occurred_at", _MOMENT, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("organization_id", Uuid),
    Column("actor_id", Uuid),
    Column("detail", Text),
    Index("ix_audit_records_user_id", "user_id", "id"),
    Index(
        "ix_audit_records_actor_id",
        "actor_id",
        "id",
        postgresql_where=text("actor_id IS NOT NULL"),
    ),
)
