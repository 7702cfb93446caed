"""Indexes for administration and erasure, made while the service goes on.

0007 and 0008 made them in their transactions, which kept writers off the tables: where they ran
then, nothing is left to make. Outside of a transaction. Cut off, it leaves an index that is not
valid: the next run drops it and makes it anew.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_users_display_name": "users",
    "ix_users_roles": "users",
    "ix_users_administrators": "users",
    "ix_users_delete_after": "users",
    "ix_sessions_impersonator_id": "sessions",
    "ix_audit_records_actor_id": "audit_records",
}
ADMINISTRATES = sa.text("roles && ARRAY['admin', 'platform_admin'] AND status = 'active'")
LEAVES = sa.text("delete_after IS NOT NULL")
OPEN_IMPERSONATIONS = sa.text("ended_at IS NULL AND impersonator_id IS NOT NULL")
HAS_ACTOR = sa.text("actor_id IS NOT NULL")
LEFT_HALF_MADE = sa.text(
    "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace"
)


def upgrade() -> None:
    invalid = set(op.get_bind().scalars(LEFT_HALF_MADE))
    _drop([name for name in INDEXES if name in invalid])
    with op.get_context().autocommit_block():
        for name, columns, options in _made():
            op.create_index(
                name,
                INDEXES[name],
                columns,
                postgresql_concurrently=True,
                if_not_exists=True,
                **options,
            )


def downgrade() -> None:
    _drop(list(INDEXES))


def _made() -> list[tuple[str, list[str | sa.TextClause], dict[str, Any]]]:
    by_name: list[str | sa.TextClause] = [sa.text("lower(display_name) text_pattern_ops")]
    return [
        ("ix_users_display_name", by_name, {}),
        ("ix_users_roles", ["roles"], {"postgresql_using": "gin"}),
        ("ix_users_administrators", ["id"], {"postgresql_where": ADMINISTRATES}),
        ("ix_users_delete_after", ["delete_after"], {"postgresql_where": LEAVES}),
        (
            "ix_sessions_impersonator_id",
            ["impersonator_id"],
            {"postgresql_where": OPEN_IMPERSONATIONS},
        ),
        ("ix_audit_records_actor_id", ["actor_id", "id"], {"postgresql_where": HAS_ACTOR}),
    ]


def _drop(names: list[str]) -> None:
    with op.get_context().autocommit_block():
        for name in names:
            op.drop_index(name, INDEXES[name], postgresql_concurrently=True, if_exists=True)
