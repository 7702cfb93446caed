"""First tables: users, password_credentials, sessions, signing_keys, outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
CANONICAL = sa.Text(collation="C")


def upgrade() -> None:
    _users()
    _password_credentials()
    _sessions()
    _signing_keys()
    _outbox()
    # room in each page for the next version of a row, so that an update need not touch the indexes
    op.execute("ALTER TABLE users SET (fillfactor = 90)")
    op.execute("ALTER TABLE sessions SET (fillfactor = 90)")


def downgrade() -> None:
    for table in ("outbox", "signing_keys", "sessions", "password_credentials", "users"):
        op.drop_table(table)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid),
        sa.Column("username", CANONICAL, nullable=False),
        sa.Column("email", CANONICAL, nullable=False),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("is_dev_user", sa.Boolean, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("last_login_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.CheckConstraint(
            "username = lower(username) AND octet_length(username) = char_length(username)",
            name=op.f("ck_users_username_canonical"),
        ),
        sa.CheckConstraint(
            "email = lower(email) AND octet_length(email) = char_length(email)",
            name=op.f("ck_users_email_canonical"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'disabled', 'deleted')",
            name=op.f("ck_users_status"),
        ),
    )


def _password_credentials() -> None:
    op.create_table(
        "password_credentials",
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_password_credentials")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_password_credentials_user_id_users")
        ),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("refresh_counter", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_sessions_ending")
        ),
    )
    op.create_index(
        "ix_sessions_live",
        "sessions",
        ["user_id", "expires_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_sessions_ended_at",
        "sessions",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("use", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sealed_private_jwk", sa.LargeBinary, nullable=False),
        sa.Column("public_jwk", postgresql.JSONB),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
        sa.CheckConstraint("use IN ('access', 'refresh')", name=op.f("ck_signing_keys_use")),
        sa.CheckConstraint(
            "status IN ('next', 'active', 'retired')", name=op.f("ck_signing_keys_status")
        ),
    )
    op.create_index(
        "uq_signing_keys_active",
        "signing_keys",
        ["use"],
        unique=True,
        postgresql_where=sa.text("status = 'active'"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("payload", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("position", name=op.f("uq_outbox_position")),
    )
