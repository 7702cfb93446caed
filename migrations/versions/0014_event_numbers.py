"""Numbers for committed events, and how far each publisher has got."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("sequence", sa.BigInteger))
    op.create_table(
        "event_progress",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_progress")),
    )


def downgrade() -> None:
    op.drop_table("event_progress")
    op.drop_column("outbox", "sequence")
