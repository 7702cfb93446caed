"""Profiles, the search for accounts, recent sign-ins, impersonation, actors in the trail."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ADMINISTRATES = sa.text("roles && ARRAY['admin', 'platform_admin'] AND status = 'active'")
OPEN_IMPERSONATIONS = sa.text("ended_at IS NULL AND impersonator_id IS NOT NULL")


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(
        "ix_users_display_name", "users", [sa.text("lower(display_name) text_pattern_ops")]
    )
    op.create_index("ix_users_roles", "users", ["roles"], postgresql_using="gin")
    op.create_index("ix_users_administrators", "users", ["id"], postgresql_where=ADMINISTRATES)
    op.create_index(
        "ix_sessions_impersonator_id",
        "sessions",
        ["impersonator_id"],
        postgresql_where=OPEN_IMPERSONATIONS,
    )
    op.create_index(
        "ix_audit_records_actor_id",
        "audit_records",
        ["actor_id", "id"],
        postgresql_where=sa.text("actor_id IS NOT NULL"),
    )


def downgrade() -> None:
    """The version before would take an impersonation for the user's own session."""
    op.execute("DELETE FROM sessions WHERE impersonator_id IS NOT NULL")
    op.drop_index("ix_audit_records_actor_id", "audit_records")
    op.drop_index("ix_sessions_impersonator_id", "sessions")
    op.drop_index("ix_users_administrators", "users")
    op.drop_index("ix_users_roles", "users")
    op.drop_index("ix_users_display_name", "users")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """All may be left out: the version before does not know them."""
    return {
        "users": (
            sa.Column("locale", sa.Text),
            sa.Column("time_zone", sa.Text),
            sa.Column("picture_url", sa.Text),
            sa.Column("claims", postgresql.JSONB),
        ),
        "sessions": (
            sa.Column("authenticated_at", MOMENT),
            sa.Column(
                "amr", postgresql.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")
            ),
            sa.Column("impersonator_id", sa.Uuid),
            sa.Column("impersonation_reason", sa.Text),
        ),
        "audit_records": (sa.Column("actor_id", sa.Uuid), sa.Column("detail", sa.Text)),
    }
