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
INDEXES = {
    "ix_audit_records_actor_id": "audit_records",
    "ix_sessions_impersonator_id": "sessions",
    "ix_users_administrators": "users",
    "ix_users_roles": "users",
    "ix_users_display_name": "users",
}
"""Once made here, now in 0019."""


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    """The version before would take an impersonation for the user's own session."""
    op.execute("DELETE FROM sessions WHERE impersonator_id IS NOT NULL")
    for name, table in INDEXES.items():
        op.drop_index(name, table, if_exists=True)
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
