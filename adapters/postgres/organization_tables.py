"""The tables of organizations. Each carries its tenant, and its keys keep parts with their whole.

Whoever reads one says whose rows; see `adapters.postgres.tables` for what else holds here.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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

from adapters.postgres.base import CANONICAL, MOMENT, canonical, metadata
from adapters.postgres.inventory import (
    ADDRESS,
    OPERATIONAL,
    PERSONAL,
    PSEUDONYM,
    SECRET,
    SUBJECT,
)

_NEW_ID = text("gen_random_uuid()")
_PENDING = text("accepted_at IS NULL AND revoked_at IS NULL")

organizations = Table(
    "organizations",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column("name", Text, nullable=False, info=OPERATIONAL),
    Column("slug", CANONICAL, nullable=False, info=OPERATIONAL),
    Column("settings", JSONB, nullable=False, info=OPERATIONAL),
    Column("max_members", Integer, info=OPERATIONAL),
    Column("max_teams", Integer, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("updated_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("version", Integer, nullable=False, info=OPERATIONAL),
    Column("delete_after", MOMENT, info=OPERATIONAL),
    UniqueConstraint("slug"),
    canonical("slug"),
    Index(
        "ix_organizations_delete_after",
        "delete_after",
        postgresql_where=text("delete_after IS NOT NULL"),
    ),
)

memberships = Table(
    "memberships",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID, info=OPERATIONAL),
    Column(
        "organization_id",
        Uuid,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
        info=PSEUDONYM,
    ),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, info=SUBJECT),
    Column("role", Text, nullable=False, info=PERSONAL),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    Column("updated_at", MOMENT, nullable=False, info=PERSONAL),
    UniqueConstraint("organization_id", "user_id"),
    Index("ix_memberships_user_id", "user_id", "organization_id"),
    Index(
        "ix_memberships_owners",
        "organization_id",
        "user_id",
        postgresql_where=text("role = 'owner'"),
    ),
)

# Memberships and invitations hold them by their names.
roles = Table(
    "roles",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column(
        "organization_id",
        Uuid,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
        info=OPERATIONAL,
    ),
    Column("name", CANONICAL, nullable=False, info=OPERATIONAL),
    Column("description", Text, nullable=False, info=OPERATIONAL),
    Column("permissions", ARRAY(Text), nullable=False, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("updated_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("version", Integer, nullable=False, info=OPERATIONAL),
    UniqueConstraint("organization_id", "name"),
)

teams = Table(
    "teams",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column(
        "organization_id",
        Uuid,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
        info=OPERATIONAL,
    ),
    Column("name", Text, nullable=False, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("updated_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("version", Integer, nullable=False, info=OPERATIONAL),
    UniqueConstraint("organization_id", "id", name="uq_teams_tenant"),
    UniqueConstraint("organization_id", "name", name="uq_teams_name"),
)

# Both keys name the organization: a team and a person of different tenants never come together,
# and who leaves an organization leaves its teams.
team_memberships = Table(
    "team_memberships",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=_NEW_ID, info=OPERATIONAL),
    Column("organization_id", Uuid, nullable=False, info=PSEUDONYM),
    Column("team_id", Uuid, nullable=False, info=PSEUDONYM),
    Column("user_id", Uuid, nullable=False, info=SUBJECT),
    Column("role", Text, nullable=False, info=PERSONAL),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    ForeignKeyConstraint(
        ["organization_id", "team_id"],
        ["teams.organization_id", "teams.id"],
        name="fk_team_memberships_team",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["organization_id", "user_id"],
        ["memberships.organization_id", "memberships.user_id"],
        name="fk_team_memberships_membership",
        ondelete="CASCADE",
    ),
    UniqueConstraint("organization_id", "team_id", "user_id", name="uq_team_memberships_team_id"),
    Index("ix_team_memberships_user_id", "user_id", "organization_id", "team_id"),
)

# What somebody was invited as is theirs: it goes with the person who has the address.
invitations = Table(
    "invitations",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column(
        "organization_id",
        Uuid,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
        info=PSEUDONYM,
    ),
    Column("email", CANONICAL, nullable=False, info=ADDRESS),
    Column("role", Text, nullable=False, info=PERSONAL),
    Column("digest", LargeBinary, nullable=False, info=SECRET),
    Column("created_at", MOMENT, nullable=False, info=PERSONAL),
    Column("expires_at", MOMENT, nullable=False, info=PERSONAL),
    Column("invited_by", Uuid, info=PSEUDONYM),
    Column("accepted_at", MOMENT, info=PERSONAL),
    Column("accepted_by", Uuid, info=PSEUDONYM),
    Column("revoked_at", MOMENT, info=PERSONAL),
    UniqueConstraint("organization_id", "email"),
    canonical("email"),
    CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="acceptance"),
    Index(
        "ix_invitations_pending",
        "organization_id",
        "id",
        postgresql_where=_PENDING,
    ),
    Index("ix_invitations_email", "email"),
    Index("ix_invitations_expires_at", "expires_at"),
)

organization_domains = Table(
    "organization_domains",
    metadata,
    Column("id", Uuid, primary_key=True, info=OPERATIONAL),
    Column(
        "organization_id",
        Uuid,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        nullable=False,
        info=OPERATIONAL,
    ),
    Column("domain", CANONICAL, nullable=False, info=OPERATIONAL),
    Column("challenge", Text, nullable=False, info=OPERATIONAL),
    Column("created_at", MOMENT, nullable=False, info=OPERATIONAL),
    Column("verified_at", MOMENT, info=OPERATIONAL),
    UniqueConstraint("organization_id", "domain"),
    canonical("domain"),
    # a claim keeps nobody else out; a proof does
    Index(
        "uq_organization_domains_verified",
        "domain",
        unique=True,
        postgresql_where=text("verified_at IS NOT NULL"),
    ),
)
