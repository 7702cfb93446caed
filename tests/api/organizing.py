"""Organizations with members, put into the database past the routes."""

from collections.abc import Collection
from uuid import UUID, uuid4

import asyncpg

from tests.api.people import Person


async def new_organization(database: asyncpg.Connection) -> str:
    """The id of an organization that nobody belongs to."""
    organization_id = uuid4()
    await database.execute(
        "INSERT INTO organizations (id, name, slug, settings, created_at, updated_at, version)"
        " VALUES ($1, 'Acme', $2, '{}', now(), now(), 1)",
        organization_id,
        f"acme-{organization_id.hex[:12]}",
    )
    return str(organization_id)


async def join(
    database: asyncpg.Connection, person: Person, organization_id: str, role: str
) -> None:
    """Make somebody a member. What is cached about them must be forgotten by the caller."""
    await database.execute(
        "INSERT INTO memberships (organization_id, user_id, role, created_at, updated_at)"
        " VALUES ($1, $2, $3, now(), now())",
        UUID(organization_id),
        UUID(person.id),
        role,
    )


async def new_team(database: asyncpg.Connection, organization_id: str) -> str:
    """The id of a team."""
    team_id = uuid4()
    await database.execute(
        "INSERT INTO teams (id, organization_id, name, created_at, updated_at, version)"
        " VALUES ($1, $2, 'Team', now(), now(), 1)",
        team_id,
        UUID(organization_id),
    )
    return str(team_id)


async def join_team(
    database: asyncpg.Connection, person: Person, organization_id: str, team_id: str, role: str
) -> None:
    """Put a member into a team."""
    await database.execute(
        "INSERT INTO team_memberships (organization_id, team_id, user_id, role, created_at)"
        " VALUES ($1, $2, $3, $4, now())",
        UUID(organization_id),
        UUID(team_id),
        UUID(person.id),
        role,
    )


async def new_role(
    database: asyncpg.Connection, organization_id: str, name: str, permissions: Collection[str]
) -> None:
    """A role that the organization made."""
    await database.execute(
        "INSERT INTO roles (id, organization_id, name, description, permissions, created_at,"
        " updated_at, version) VALUES ($1, $2, $3, '', $4, now(), now(), 1)",
        uuid4(),
        UUID(organization_id),
        name,
        sorted(permissions),
    )
