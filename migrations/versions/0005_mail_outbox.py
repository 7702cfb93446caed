"""The mail outbox: letters until a mail server has taken them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail_outbox",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("locale", sa.Text),
        sa.Column("sealed_values", sa.LargeBinary),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("claimed_at", MOMENT),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_error", sa.Text),
        sa.Column("dead_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_outbox")),
        sa.CheckConstraint(
            "(dead_at IS NULL) = (sealed_values IS NOT NULL)", name=op.f("ck_mail_outbox_erased")
        ),
    )
    op.create_index(
        "ix_mail_outbox_due",
        "mail_outbox",
        ["next_attempt_at"],
        postgresql_where=sa.text("dead_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("mail_outbox")
