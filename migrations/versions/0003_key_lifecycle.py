"""Key lifecycle: when keys sign and retire, ids of those that are gone, events without a user."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
MOMENTS = ("activates_at", "activated_at", "retired_at")


def upgrade() -> None:
    for name in MOMENTS:  # the version before does not know them and leaves them empty
        op.add_column("signing_keys", sa.Column(name, MOMENT))
    op.execute("UPDATE signing_keys SET activated_at = created_at WHERE status <> 'next'")
    op.execute("UPDATE signing_keys SET retired_at = now() WHERE status = 'retired'")
    op.create_table(
        "departed_keys",
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("use", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("departed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_departed_keys")),
    )
    op.alter_column("outbox", "user_id", nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE user_id IS NULL")
    op.alter_column("outbox", "user_id", nullable=False)
    op.drop_table("departed_keys")
    for name in MOMENTS:
        op.drop_column("signing_keys", name)
