"""Passwords: failures in a row, the end after too many, and a change that is asked for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in _columns():
        op.add_column("password_credentials", column)


def downgrade() -> None:
    """A disabled password works again: the version before knows no limit."""
    for column in _columns():
        op.drop_column("password_credentials", column.name)


def _columns() -> tuple[sa.Column[Any], ...]:
    """What the version before does not know has a default: it can go on storing passwords."""
    return (
        sa.Column("consecutive_failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_failed_at", MOMENT),
        sa.Column("disabled_at", MOMENT),
        sa.Column("must_change", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
