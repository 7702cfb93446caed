"""Erasure: when a deleted account goes, and what is left of its sessions for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # they were closed by a version that knew no erasure: from now they have the usual time
    op.execute(
        "UPDATE users SET delete_after = now() + interval '30 days' WHERE status = 'deleted'"
    )
    op.create_table(
        "erased_sessions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_sessions")),
    )
    op.create_index("ix_erased_sessions_user_id", "erased_sessions", ["user_id"])
    op.create_index("ix_erased_sessions_ended_at", "erased_sessions", ["ended_at"])


def downgrade() -> None:
    op.drop_table("erased_sessions")
    # once made here, now in 0019
    op.drop_index("ix_users_delete_after", "users", if_exists=True)
