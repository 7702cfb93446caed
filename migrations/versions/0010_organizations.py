"""Organizations with their members, teams, invitations and domains."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
CANONICAL = sa.Text(collation="C")
NEW_ID = sa.text("gen_random_uuid()")


def upgrade() -> None:
    _organizations()
    _memberships()
    _teams()
    _invitations()
    _domains()


def downgrade() -> None:
    for table in (
        "organization_domains",
        "invitations",
        "team_memberships",
        "teams",
        "memberships",
        "organizations",
    ):
        op.drop_table(table)


def _organizations() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slug", CANONICAL, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.Column("max_members", sa.Integer),
        sa.Column("max_teams", sa.Integer),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("delete_after", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
        _canonical("organizations", "slug"),
    )
    op.create_index(
        "ix_organizations_delete_after",
        "organizations",
        ["delete_after"],
        postgresql_where=sa.text("delete_after IS NOT NULL"),
    )


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("id", sa.Uuid, nullable=False, server_default=NEW_ID),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "organization_id", "user_id", name=op.f("uq_memberships_organization_id")
        ),
        _of_an_organization("memberships"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users")
        ),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id", "organization_id"])
    op.create_index(
        "ix_memberships_owners",
        "memberships",
        ["organization_id", "user_id"],
        postgresql_where=sa.text("role = 'owner'"),
    )


def _teams() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("organization_id", "id", name="uq_teams_tenant"),
        sa.UniqueConstraint("organization_id", "name", name="uq_teams_name"),
        _of_an_organization("teams"),
    )
    op.create_table(
        "team_memberships",
        sa.Column("id", sa.Uuid, nullable=False, server_default=NEW_ID),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_memberships")),
        sa.UniqueConstraint(
            "organization_id", "team_id", "user_id", name="uq_team_memberships_team_id"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name="fk_team_memberships_team",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["memberships.organization_id", "memberships.user_id"],
            name="fk_team_memberships_membership",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_team_memberships_user_id",
        "team_memberships",
        ["user_id", "organization_id", "team_id"],
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("email", CANONICAL, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("invited_by", sa.Uuid),
        sa.Column("accepted_at", MOMENT),
        sa.Column("accepted_by", sa.Uuid),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint(
            "organization_id", "email", name=op.f("uq_invitations_organization_id")
        ),
        _of_an_organization("invitations"),
        _canonical("invitations", "email"),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)", name=op.f("ck_invitations_acceptance")
        ),
    )
    op.create_index(
        "ix_invitations_pending",
        "invitations",
        ["organization_id", "id"],
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_index("ix_invitations_email", "invitations", ["email"])
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"])


def _domains() -> None:
    op.create_table(
        "organization_domains",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("domain", CANONICAL, nullable=False),
        sa.Column("challenge", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("verified_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization_domains")),
        sa.UniqueConstraint(
            "organization_id", "domain", name=op.f("uq_organization_domains_organization_id")
        ),
        _of_an_organization("organization_domains"),
        _canonical("organization_domains", "domain"),
    )
    op.create_index(
        "uq_organization_domains_verified",
        "organization_domains",
        ["domain"],
        unique=True,
        postgresql_where=sa.text("verified_at IS NOT NULL"),
    )


def _of_an_organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"],
        ["organizations.id"],
        name=op.f(f"fk_{table}_organization_id_organizations"),
        ondelete="CASCADE",
    )


def _canonical(table: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(
        f"{name} = lower({name}) AND octet_length({name}) = char_length({name})",
        name=op.f(f"ck_{table}_{name}_canonical"),
    )
