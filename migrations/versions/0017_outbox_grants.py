"""An index for the events after which somebody's grants are read anew, made while others work.

Outside of a transaction. Cut off, it leaves an index that is not valid: the next run drops it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAME = "ix_outbox_grants"
ABOUT_GRANTS = "split_part(type, '.', 1) IN ('membership', 'organization', 'role', 'team')"


def upgrade() -> None:
    _drop()
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "outbox",
            ["id"],
            postgresql_where=sa.text(ABOUT_GRANTS),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    _drop()


def _drop() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "outbox", postgresql_concurrently=True, if_exists=True)
