"""The trail is chained: places in chains, the ends of chains, and a guard against changes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = (
    ("chain", sa.Uuid),
    ("position", sa.BigInteger),
    ("previous_hash", sa.LargeBinary),
    ("hash", sa.LargeBinary),
    ("detail_digest", sa.LargeBinary),
    ("detail_salt", sa.Text),
)
PLACED = "num_nulls(chain, position, previous_hash, hash) IN (0, 4)"

# A record may be sealed once, its detail may be emptied, and all that its checkpoint covers may go.
GUARD = """
CREATE FUNCTION audit_records_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change text[] := '{detail,detail_salt}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.position IS NULL THEN
            may_change := may_change
                || '{chain,position,previous_hash,hash,detail_digest}'::text[];
        END IF;
        IF to_jsonb(NEW) - may_change = to_jsonb(OLD) - may_change
            AND (NEW.detail IS NULL OR NEW.detail IS NOT DISTINCT FROM OLD.detail)
            AND (NEW.detail_salt IS NULL OR OLD.position IS NULL
                 OR NEW.detail_salt IS NOT DISTINCT FROM OLD.detail_salt)
        THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.position <= (SELECT trimmed_position FROM audit_chains WHERE chain = OLD.chain) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_records is append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("audit_records", sa.Column(name, kind))
    op.create_check_constraint(op.f("ck_audit_records_sealed"), "audit_records", PLACED)
    op.create_table(
        "audit_chains",
        sa.Column("chain", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("sealed_head", sa.LargeBinary, nullable=False),
        sa.Column("trimmed_position", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("sealed_checkpoint", sa.LargeBinary),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_chains")),
    )
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER audit_records_guard BEFORE UPDATE OR DELETE ON audit_records"
        " FOR EACH ROW EXECUTE FUNCTION audit_records_guard()"
    )
    op.execute(
        "CREATE TRIGGER audit_records_guard_all BEFORE TRUNCATE ON audit_records"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_records_guard()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_records_guard_all ON audit_records")
    op.execute("DROP TRIGGER audit_records_guard ON audit_records")
    op.execute("DROP FUNCTION audit_records_guard()")
    op.drop_table("audit_chains")
    op.drop_constraint("ck_audit_records_sealed", "audit_records")
    for name, _ in reversed(COLUMNS):
        op.drop_column("audit_records", name)
