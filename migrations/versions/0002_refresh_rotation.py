"""Refresh rotation: sessions that move on, the user's epoch, and the audit trail."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

LIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("epoch", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    for column in _session_columns():
        op.add_column("sessions", column)
    op.execute("UPDATE sessions SET absolute_expires_at = expires_at, last_used_at = created_at")
    op.drop_index("ix_sessions_live", "sessions")
    op.create_index("ix_sessions_live", "sessions", ["user_id", "id"], postgresql_where=LIVE)
    op.create_index("ix_sessions_absolute_expires_at", "sessions", ["absolute_expires_at"])
    op.create_table(
        "audit_records",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("session_id", sa.Uuid),
        sa.Column("organization_id", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_records")),
    )
    op.create_index("ix_audit_records_user_id", "audit_records", ["user_id", "id"])


def downgrade() -> None:
    op.drop_table("audit_records")
    op.drop_index("ix_sessions_absolute_expires_at", "sessions")
    op.drop_index("ix_sessions_live", "sessions")
    op.create_index(
        "ix_sessions_live", "sessions", ["user_id", "expires_at"], postgresql_where=LIVE
    )
    for column in _session_columns():
        op.drop_column("sessions", column.name)
    op.drop_column("users", "epoch")


def _session_columns() -> tuple[sa.Column[Any], ...]:
    """What the version before does not know has a default: it can go on signing people in."""
    return (
        sa.Column(
            "absolute_expires_at",
            MOMENT,
            nullable=False,
            server_default=sa.text("now() + interval '30 days'"),
        ),
        sa.Column("last_used_at", MOMENT, nullable=False, server_default=sa.text("now()")),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            server_default=sa.text("'{personal,team,global}'"),
        ),
        sa.Column("user_epoch", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("client_id", sa.Text),
        sa.Column("user_agent", sa.Text),
        sa.Column("ip_address", sa.Text),
        sa.Column(
            "recent_rotations",
            postgresql.ARRAY(MOMENT),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
        sa.Column("reuse_detected_at", MOMENT),
    )
