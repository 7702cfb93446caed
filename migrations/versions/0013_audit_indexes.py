"""Indexes for sealing the trail and for reading that of an organization, made while the service
goes on.

Outside of a transaction. Cut off, it leaves an index that is not valid: the next run drops it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = (
    "uq_audit_records_position",
    "ix_audit_records_unsealed",
    "ix_audit_records_organization_id",
)


def upgrade() -> None:
    _drop()
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_audit_records_organization_id",
            "audit_records",
            ["organization_id", "id"],
            postgresql_where=sa.text("organization_id IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_audit_records_unsealed",
            "audit_records",
            ["id"],
            postgresql_where=sa.text("position IS NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "uq_audit_records_position",
            "audit_records",
            ["chain", "position"],
            unique=True,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    _drop()


def _drop() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, "audit_records", postgresql_concurrently=True, if_exists=True)
