"""The trail says how things ended, from which session, and of which thing; or of no person."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("audit_records", "user_id", existing_type=sa.Uuid, nullable=True)
    op.add_column(
        "audit_records",
        sa.Column("result", sa.Text, nullable=False, server_default=sa.text("'success'")),
    )
    op.add_column("audit_records", sa.Column("via_session_id", sa.Uuid))
    op.add_column("audit_records", sa.Column("target", sa.Text))


def downgrade() -> None:
    # the version before cannot say that a record is about nobody
    op.execute("DELETE FROM audit_records WHERE user_id IS NULL")
    for column in ("target", "via_session_id", "result"):
        op.drop_column("audit_records", column)
    op.alter_column("audit_records", "user_id", existing_type=sa.Uuid, nullable=False)
