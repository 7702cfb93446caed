"""Indexes for events without a number, and by their numbers, made while the service goes on.

Outside of a transaction. Cut off, it leaves an index that is not valid: the next run drops it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UNNUMBERED, BY_NUMBER = "ix_outbox_unnumbered", "ix_outbox_sequence"


def upgrade() -> None:
    _drop()
    with op.get_context().autocommit_block():
        op.create_index(
            UNNUMBERED,
            "outbox",
            ["position"],
            postgresql_where=sa.text("sequence IS NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            BY_NUMBER,
            "outbox",
            ["sequence"],
            unique=True,
            postgresql_where=sa.text("sequence IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    _drop()


def _drop() -> None:
    with op.get_context().autocommit_block():
        for name in (UNNUMBERED, BY_NUMBER):
            op.drop_index(name, "outbox", postgresql_concurrently=True, if_exists=True)
