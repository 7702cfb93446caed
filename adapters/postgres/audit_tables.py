"""The tables of the audit trail.

Append-only: a trigger of the migrations refuses every change of a record but its sealing, once, and
the emptying of its detail, and refuses removing one but up to the checkpoint of its chain.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from adapters.postgres.base import MOMENT, metadata
from adapters.postgres.inventory import OPERATIONAL, PSEUDONYM, REMARK, SUBJECT

UNSEALED = text("position IS NULL")

# No foreign keys: what has happened stays true when its subject is erased.
audit_records = Table(
    "audit_records",
    metadata,
    Column("id", Uuid, primary_key=True, info=PSEUDONYM),
    Column("occurred_at", MOMENT, nullable=False, info=PSEUDONYM),
    Column("action", Text, nullable=False, info=PSEUDONYM),
    Column("reason", Text, nullable=False, info=PSEUDONYM),
    Column("user_id", Uuid, info=SUBJECT),
    Column("session_id", Uuid, info=PSEUDONYM),
    Column("organization_id", Uuid, info=PSEUDONYM),
    Column("actor_id", Uuid, info=PSEUDONYM),
    Column("detail", Text, info=REMARK),
    Column("result", Text, nullable=False, server_default=text("'success'"), info=PSEUDONYM),
    Column("via_session_id", Uuid, info=PSEUDONYM),
    Column("target", Text, info=PSEUDONYM),
    # the place in its chain, all at once and once for all
    Column("chain", Uuid, info=PSEUDONYM),
    Column("position", BigInteger, info=OPERATIONAL),
    Column("previous_hash", LargeBinary, info=OPERATIONAL),
    Column("hash", LargeBinary, info=OPERATIONAL),
    Column("detail_digest", LargeBinary, info=OPERATIONAL),
    Column("detail_salt", Text, info=REMARK),
    CheckConstraint("num_nulls(chain, position, previous_hash, hash) IN (0, 4)", name="sealed"),
    Index("ix_audit_records_user_id", "user_id", "id"),
    Index(
        "ix_audit_records_actor_id",
        "actor_id",
        "id",
        postgresql_where=text("actor_id IS NOT NULL"),
    ),
    Index(
        "ix_audit_records_organization_id",
        "organization_id",
        "id",
        postgresql_where=text("organization_id IS NOT NULL"),
    ),
    Index("ix_audit_records_unsealed", "id", postgresql_where=UNSEALED),
    Index("uq_audit_records_position", "chain", "position", unique=True),
)

# Where each chain ends, and up to where it was trimmed: the sealed columns count, not the others.
audit_chains = Table(
    "audit_chains",
    metadata,
    Column("chain", Uuid, primary_key=True, info=OPERATIONAL),
    Column("position", BigInteger, nullable=False, info=OPERATIONAL),
    Column("sealed_head", LargeBinary, nullable=False, info=OPERATIONAL),
    Column(
        "trimmed_position",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        info=OPERATIONAL,
    ),
    Column("sealed_checkpoint", LargeBinary, info=OPERATIONAL),
)
