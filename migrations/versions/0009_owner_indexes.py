"""Indexes for all that belongs to one person, made while the service goes on.

Outside of a transaction. Cut off, it leaves an index that is not valid: the next run drops it.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("sessions", "outbox")


def upgrade() -> None:
    _drop()
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.create_index(f"ix_{table}_user_id", table, ["user_id"], postgresql_concurrently=True)


def downgrade() -> None:
    _drop()


def _drop() -> None:
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.drop_index(
                f"ix_{table}_user_id", table, postgresql_concurrently=True, if_exists=True
            )
