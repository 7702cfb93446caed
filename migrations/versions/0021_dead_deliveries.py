"""An index for the deliveries of a webhook that were given up, made while others work.

Outside of a transaction. Cut off, it leaves an index that is not valid: the next run drops it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NAME = "ix_webhook_deliveries_dead"


def upgrade() -> None:
    _drop()
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "webhook_deliveries",
            ["endpoint_id", "id"],
            postgresql_where=sa.text("dead_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    _drop()


def _drop() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "webhook_deliveries", postgresql_concurrently=True, if_exists=True)
