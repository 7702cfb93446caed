"""Links and codes that travel by mail, and accounts that are on their way out."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
CANONICAL = sa.Text(collation="C")


def upgrade() -> None:
    # the version before does not know it: to it such an account is active
    op.add_column("users", sa.Column("delete_after", MOMENT))
    op.create_table(
        "one_time_secrets",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("subject", CANONICAL, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("code_digest", sa.LargeBinary),
        sa.Column("email", CANONICAL, nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("sealed_payload", sa.LargeBinary),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("consumed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_secrets")),
        sa.UniqueConstraint("purpose", "subject", name=op.f("uq_one_time_secrets_purpose")),
        sa.UniqueConstraint("digest", name=op.f("uq_one_time_secrets_digest")),
    )
    op.create_index("ix_one_time_secrets_user_id", "one_time_secrets", ["user_id"])
    op.create_index("ix_one_time_secrets_expires_at", "one_time_secrets", ["expires_at"])


def downgrade() -> None:
    op.drop_table("one_time_secrets")
    # who asked to be deleted stays shut: the version below would open the account again
    op.execute(
        "UPDATE users SET status = 'disabled' WHERE delete_after IS NOT NULL AND status = 'active'"
    )
    op.drop_column("users", "delete_after")
