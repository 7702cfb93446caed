"""The tables of webhooks; see `adapters.postgres.tables` for what holds here."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.base import MOMENT, metadata
from adapters.postgres.inventory import OPERATIONAL, PSEUDONYM

OPEN = text("delivered_at IS NULL AND dead_at IS NULL")

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column("organization_id", Uuid, info=OPERATIONAL),
    Column("url", Text, nullable=False, info=OPERATIONAL),
    Column("event_types", ARRAY(Text), nullable=False, info=OPERATIONAL),
    Column("description", Text, nullable=False, info=OPERATIONAL),
    Column("sealed_secret", LargeBinary, nullable=False, info=OPERATIONAL),
    Column("sealed_previous_secret", LargeBinary, info=OPERATIONAL),
    Column("previous_expires_at", MOMENT, info=OPERATIONAL),
    Column("disabled", Text, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("updated_at", MOMENT, nullable=False, info=OPERATIONAL),
    # by default for the version before, which knows no such column
    Column("enabled_since", MOMENT, nullable=False, server_default=text("now()"), info=OPERATIONAL),
    Column(
        "consecutive_failures", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL
    ),
    Column("failing_since", MOMENT, info=OPERATIONAL),
    Column("paused_until", MOMENT, info=OPERATIONAL),
    Column("due_at", MOMENT, info=OPERATIONAL),
    Column("leased_until", MOMENT, info=OPERATIONAL),
    Index("ix_webhook_endpoints_organization_id", "organization_id", "id"),
    Index(
        "ix_webhook_endpoints_due",
        "due_at",
        postgresql_where=text("disabled IS NULL AND due_at IS NOT NULL"),
    ),
    # for the sweep
    Index("ix_webhook_endpoints_disabled", "id", postgresql_where=text("disabled IS NOT NULL")),
)

# What they say names people by ids only, and goes after some days.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column(
        "endpoint_id",
        Uuid,
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"),
        nullable=False,
        info=OPERATIONAL,
    ),
    Column("position", BigInteger, Identity(always=True), nullable=False, info=OPERATIONAL),
    Column("event_id", Uuid, nullable=False, info=PSEUDONYM),
    Column("event_type", Text, nullable=False, info=PSEUDONYM),
    Column("subject", Text, nullable=False, info=PSEUDONYM),
    Column("body", Text, nullable=False, info=PSEUDONYM),
    Column("queued_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("next_attempt_at", MOMENT, info=OPERATIONAL),
    Column("attempts", Integer, nullable=False, server_default=text("0"), info=OPERATIONAL),
    Column("log", JSONB, nullable=False, server_default=text("'[]'"), info=OPERATIONAL),
    Column("delivered_at", MOMENT, info=OPERATIONAL),
    Column("dead_at", MOMENT, info=OPERATIONAL),
    UniqueConstraint("endpoint_id", "event_id"),
    Index("ix_webhook_deliveries_page", "endpoint_id", "id"),
    Index(
        "ix_webhook_deliveries_dead",
        "endpoint_id",
        "id",
        postgresql_where=text("dead_at IS NOT NULL"),
    ),
    Index(
        "ix_webhook_deliveries_open", "endpoint_id", "subject", "position", postgresql_where=OPEN
    ),
    Index(
        "ix_webhook_deliveries_due",
        "endpoint_id",
        "next_attempt_at",
        postgresql_where=text("next_attempt_at IS NOT NULL"),
    ),
)
