"""Who reads the trail of an organization, and what stands in it."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth_core.kernel import OrganizationId, UserId
from auth_core.testing.contracts.audit_trail import new_record
from tests.api.asking import expect_problem
from tests.api.organizing import join, new_organization
from tests.api.people import People, Person
from tests.serving import Client


def trail_of(organization_id: str) -> str:
    return f"/api/v1/organizations/{organization_id}/audit"


async def member(people: People, database: asyncpg.Connection, here: str, role: str) -> Person:
    person = await people.user()
    await join(database, person, here, role)
    return person


async def records(
    database: asyncpg.Connection, person: Person, organization_id: str | None, count: int
) -> list[str]:
    """The ids of new records about somebody, the newest first."""
    tenant = OrganizationId(UUID(organization_id)) if organization_id else None
    made = [
        new_record(user_id=UserId(UUID(person.id)), organization_id=tenant) for _ in range(count)
    ]
    for one in made:
        await database.execute(
            "INSERT INTO audit_records (id, occurred_at, action, reason, user_id,"
            " organization_id, actor_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *(one.id, one.occurred_at, one.action.value, one.reason, one.user_id, tenant),
            one.actor_id,
        )
    return sorted((str(one.id) for one in made), reverse=True)


@pytest.mark.sec("SEC-55", "SEC-56")
@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_who_may_reads_the_records_of_the_own_organization_alone(
    client: Client, people: People, database: asyncpg.Connection, role: str
) -> None:
    here, elsewhere = await new_organization(database), await new_organization(database)
    reader = await member(people, database, here, role)
    expected = await records(database, reader, here, 3)
    # about the same person, in another organization's trail and in the platform's
    await records(database, reader, elsewhere, 2)
    await records(database, reader, None, 2)

    async def read(**asked: Any) -> dict[str, Any]:
        answer = await client.get(trail_of(here), params=asked, headers=reader.token)
        assert 200 == answer.status_code, answer.text
        return dict(answer.json())

    whole = await read(user=reader.id)
    assert expected == [item["id"] for item in whole["items"]]
    first = await read(limit=2)
    assert expected[:2] == [item["id"] for item in first["items"]]
    second = await read(limit=2, cursor=first["next_cursor"])
    assert (expected[2:], None) == (
        [item["id"] for item in second["items"]],
        second["next_cursor"],
    )
    assert 3 == len((await read(action="membership:added"))["items"])
    assert [] == (await read(action="sign_in:succeeded"))["items"]
    assert [] == (await read(since="2999-01-01T00:00:00Z"))["items"]


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_a_viewer_is_refused_and_a_member_of_another_organization_finds_nothing(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    here, elsewhere = await new_organization(database), await new_organization(database)
    viewer = await member(people, database, here, "viewer")
    stranger = await member(people, database, elsewhere, "owner")
    await records(database, viewer, here, 1)

    refused = await client.get(trail_of(here), headers=viewer.token)
    unseen = await client.get(trail_of(here), headers=stranger.token)

    expect_problem(refused, 403, "permission_denied")
    expect_problem(unseen, 404, "not_found")
