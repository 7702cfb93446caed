"""The tables. Every constraint has a name: errors are told apart by it.

A change here needs a migration in `migrations/versions`; a test compares the two. Every column says
what it is with regard to persons: see `adapters.postgres.inventory`.
"""

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
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.audit_tables import audit_chains, audit_records
from adapters.postgres.base import CANONICAL, MOMENT, canonical, metadata
from adapters.postgres.inventory import (
    ADDRESS,
    OPERATIONAL,
    PERSONAL,
    PSEUDONYM,
    SECRET,
    SUBJECT,
)
from adapters.postgres.organization_tables import (
    invitations,
    memberships,
    organization_domains,
    organizations,
    roles,
    team_memberships,
    teams,
)
from adapters.postgres.webhook_tables import webhook_deliveries, webhook_endpoints
from auth_core.keys import KeyStatus, KeyUse
from auth_core.users import UserStatus

__all__ = [
    "ABOUT_GRANTS",
    "ADMINISTRATES",
    "audit_chains",
    "audit_records",
    "departed_keys",
    "erased_sessions",
    "invitations",
    "mail_outbox",
    "memberships",
    "metadata",
    "one_time_secrets",
    "organization_domains",
    "organizations",
    "outbox",
    "password_credentials",
    "roles",
    "sessions",
    "signing_keys",
    "team_memberships",
    "teams",
    "users",
    "webhook_deliveries",
    "webhook_endpoints",
]

ADMINISTRATES = text("roles && ARRAY['admin', 'platform_admin'] AND status = 'active'")

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True, info=SUBJECT),
    Column("organization_id", Uuid, info=PSEUDONYM),
    Column("username", CANONICAL, nullable=False, info=PERSONAL),
    Column("email", CANONICAL, nullable=False, info=PERSONAL),
    Column("email_verified", Boolean, nullable=False, info=PERSONAL),
    Column("display_name", Text, nullable=False, info=PERSONAL),
    Column("status", Text, nullable=False, info=PERSONAL),
    Column("roles", ARRAY(Text), nullable=False, info=PERSONAL),
    Column("is_dev_user", Boolean, nullable=False, info=PERSONAL),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    Column("updated_at", MOMENT, nullable=False, info=PERSONAL),
    # never indexed: each login updates it
    Column("last_login_at", MOMENT, info=PERSONAL),
    Column("version", Integer, nullable=False, info=OPERATIONAL),
    Column("epoch", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL),
    Column("locale", Text, info=PERSONAL),
    Column("time_zone", Text, info=PERSONAL),
    Column("picture_url", Text, info=PERSONAL),
    Column("claims", JSONB, info=PERSONAL),
    Column("delete_after", MOMENT, info=PERSONAL),
    UniqueConstraint("username"),
    UniqueConstraint("email"),
    canonical("username"),
    canonical("email"),
    CheckConstraint(column("status").in_([status.value for status in UserStatus]), name="status"),
    Index(
        "ix_users_delete_after", "delete_after", postgresql_where=text("delete_after IS NOT NULL")
    ),
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
    Column("user_id", Uuid, ForeignKey("users.id"), primary_key=True, info=SUBJECT),
    Column("password_hash", Text, nullable=False, info=SECRET),
    Column("updated_at", MOMENT, nullable=False, info=PERSONAL),
    # never indexed: each failure updates them
    Column(
        "consecutive_failures", Integer, nullable=False, server_default=text("0"), info=PERSONAL
    ),
    Column("last_failed_at", MOMENT, info=PERSONAL),
    Column("disabled_at", MOMENT, info=PERSONAL),
    Column("must_change", Boolean, nullable=False, server_default=text("false"), info=PERSONAL),
)

# Rows live for minutes. No foreign key: most of them belong to nobody yet.
one_time_secrets = Table(
    "one_time_secrets",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column("purpose", Text, nullable=False, info=PERSONAL),
    Column("subject", CANONICAL, nullable=False, info=PERSONAL),
    Column("digest", LargeBinary, nullable=False, info=SECRET),
    Column("code_digest", LargeBinary, info=SECRET),
    Column("email", CANONICAL, nullable=False, info=ADDRESS),
    Column("user_id", Uuid, info=SUBJECT),
    Column("sealed_payload", LargeBinary, info=SECRET),
    Column("attempts", Integer, nullable=False, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    Column("expires_at", MOMENT, nullable=False, info=PERSONAL),
    Column("consumed_at", MOMENT, info=PERSONAL),
    UniqueConstraint("purpose", "subject"),
    UniqueConstraint("digest"),
    Index("ix_one_time_secrets_user_id", "user_id"),
    Index("ix_one_time_secrets_expires_at", "expires_at"),
)

# The defaults of what revisions 0002 and 0004 brought are for sign-ins by the version before it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True, info=PSEUDONYM),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, info=SUBJECT),
    Column("organization_id", Uuid, info=PSEUDONYM),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    # not indexed, like all that a refresh changes: it then updates no index
    Column("expires_at", MOMENT, nullable=False, info=PERSONAL),
    Column(
        "absolute_expires_at",
        MOMENT,
        nullable=False,
        server_default=text("now() + interval '30 days'"),
        info=PERSONAL,
    ),
    Column("last_used_at", MOMENT, nullable=False, server_default=text("now()"), info=PERSONAL),
    Column(
        "scopes",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{personal,team,global}'"),
        info=PERSONAL,
    ),
    Column("user_epoch", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL),
    Column("client_id", Text, info=PERSONAL),
    Column("user_agent", Text, info=PERSONAL),
    Column("ip_address", Text, info=PERSONAL),
    Column("refresh_counter", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL),
    Column(
        "recent_rotations",
        ARRAY(MOMENT),
        nullable=False,
        server_default=text("'{}'"),
        info=PERSONAL,
    ),
    Column("ended_at", MOMENT, info=PERSONAL),
    Column("end_reason", Text, info=PERSONAL),
    Column("reuse_detected_at", MOMENT, info=PERSONAL),
    Column("authenticated_at", MOMENT, info=PERSONAL),
    Column("amr", ARRAY(Text), nullable=False, server_default=text("'{}'"), info=PERSONAL),
    Column("impersonator_id", Uuid, info=PSEUDONYM),
    Column("impersonation_reason", Text, info=PERSONAL),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ending"),
    # for the foreign key, and for whoever asks for everything of a person
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_live", "user_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_sessions_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    Index("ix_sessions_absolute_expires_at", "absolute_expires_at"),
    Index(
        "ix_sessions_impersonator_id",
        "impersonator_id",
        postgresql_where=text("ended_at IS NULL AND impersonator_id IS NOT NULL"),
    ),
)

# Sessions that were ended before their user was erased, for as long as a token of theirs may live.
erased_sessions = Table(
    "erased_sessions",
    metadata,
    Column("id", Uuid, primary_key=True, info=PSEUDONYM),
    Column("user_id", Uuid, nullable=False, info=SUBJECT),
    Column("ended_at", MOMENT, nullable=False, info=PSEUDONYM),
    Index("ix_erased_sessions_user_id", "user_id"),
    Index("ix_erased_sessions_ended_at", "ended_at"),
)

ACTIVE_KEY = text("status = 'active'")

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True, info=OPERATIONAL),
    Column("use", Text, nullable=False, info=OPERATIONAL),
    Column("algorithm", Text, nullable=False, info=OPERATIONAL),
    Column("status", Text, nullable=False, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("sealed_private_jwk", LargeBinary, nullable=False, info=OPERATIONAL),
    Column("public_jwk", JSONB, info=OPERATIONAL),
    Column("activates_at", MOMENT, info=OPERATIONAL),
    Column("activated_at", MOMENT, info=OPERATIONAL),
    Column("retired_at", MOMENT, info=OPERATIONAL),
    CheckConstraint(column("use").in_([use.value for use in KeyUse]), name="use"),
    CheckConstraint(column("status").in_([status.value for status in KeyStatus]), name="status"),
    Index("uq_signing_keys_active", "use", unique=True, postgresql_where=ACTIVE_KEY),
)

# One row for each key that ever was; it keeps one that was revoked from coming back.
departed_keys = Table(
    "departed_keys",
    metadata,
    Column("kid", Text, primary_key=True, info=OPERATIONAL),
    Column("use", Text, nullable=False, info=OPERATIONAL),
    Column("reason", Text, nullable=False, info=OPERATIONAL),
    Column("departed_at", MOMENT, nullable=False, info=OPERATIONAL),
)

ABOUT_GRANTS = "split_part(type, '.', 1) IN ('membership', 'organization', 'role', 'team')"
"""Events after which it is read anew what somebody may do; word by word as the index has it."""

# No foreign keys: what has happened stays true when its subject is erased.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True, info=PSEUDONYM),
    Column("position", BigInteger, Identity(always=True), nullable=False, info=OPERATIONAL),
    Column("type", Text, nullable=False, info=PSEUDONYM),
    Column("user_id", Uuid, info=SUBJECT),
    Column("organization_id", Uuid, info=PSEUDONYM),
    Column("occurred_at", MOMENT, nullable=False, info=PSEUDONYM),
    Column("payload", JSONB, nullable=False, info=PSEUDONYM),
    # given to committed events, one after the other: positions may become visible in any order
    Column("sequence", BigInteger, info=OPERATIONAL),
    UniqueConstraint("position"),
    Index("ix_outbox_user_id", "user_id"),
    Index("ix_outbox_grants", "id", postgresql_where=text(ABOUT_GRANTS)),
    Index("ix_outbox_unnumbered", "position", postgresql_where=text("sequence IS NULL")),
    Index(
        "ix_outbox_sequence",
        "sequence",
        unique=True,
        postgresql_where=text("sequence IS NOT NULL"),
    ),
)

# How far each publisher of events has got, and under '' the greatest number that was ever given.
event_progress = Table(
    "event_progress",
    metadata,
    Column("name", Text, primary_key=True, info=OPERATIONAL),
    Column("sequence", BigInteger, nullable=False, info=OPERATIONAL),
)

# No foreign keys, as above: a letter may go to somebody who has no account.
mail_outbox = Table(
    "mail_outbox",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column("recipient", Text, nullable=False, info=ADDRESS),
    Column("template", Text, nullable=False, info=PERSONAL),
    Column("locale", Text, info=PERSONAL),
    Column("sealed_values", LargeBinary, info=SECRET),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    Column("next_attempt_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("claimed_at", MOMENT, info=OPERATIONAL),
    Column("attempts", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL),
    Column("last_error", Text, info=OPERATIONAL),
    Column("dead_at", MOMENT, info=OPERATIONAL),
    CheckConstraint("(dead_at IS NULL) = (sealed_values IS NOT NULL)", name="erased"),
    Index("ix_mail_outbox_due", "next_attempt_at", postgresql_where=text("dead_at IS NULL")),
)
