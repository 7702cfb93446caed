"""What is done leaves a record, what is refused as well, and who may reads them."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from auth_core.audit import AuditAction
from auth_core.kernel import OrganizationId, UserId
from auth_core.testing.contracts.audit_trail import new_record
from tests.api.asking import AUTH, PASSWORD, expect_problem
from tests.api.people import USERS, People
from tests.serving import Client

TRAIL = "/api/v1/audit"


async def _left(database: asyncpg.Connection, user_id: str) -> list[tuple[object, ...]]:
    query = "SELECT action, reason, result FROM audit_records WHERE user_id = $1 ORDER BY id"
    return [tuple(row) for row in await database.fetch(query, UUID(user_id))]


@pytest.mark.sec("SEC-66")
async def test_signing_in_and_out_leaves_records(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    one = await people.user()
    wrong = {"username": one.name, "password": "not this one at all"}
    await client.post(f"{AUTH}/login", json=wrong)
    proof = {"password": PASSWORD}
    await client.post(f"{AUTH}/reauthenticate", json=proof, headers=one.token)
    await client.post(f"{AUTH}/logout", headers=one.token)

    assert [
        ("sign_in:succeeded", "registration", "success"),
        ("sign_in:succeeded", "password", "success"),
        ("sign_in:failed", "wrong_password", "failure"),
        ("sign_in:renewed", "password", "success"),
        ("session:ended", "logout", "success"),
    ] == await _left(database, one.id)


@pytest.mark.sec("SEC-66")
async def test_what_is_refused_leaves_a_record_of_who_tried_what(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    one, other = await people.user(), await people.user()

    answer = await client.delete(f"{USERS}/{other.id}", headers=one.token)

    expect_problem(answer, 403, "permission_denied")
    query = (
        "SELECT result, target, via_session_id FROM audit_records"
        " WHERE user_id = $1 AND action = 'access:denied'"
    )
    left = [tuple(row) for row in await database.fetch(query, UUID(one.id))]
    refused = "refused", "route:DELETE /api/v1/users/{user_id}", UUID(one.session_id)
    assert [refused] == left


async def test_the_trail_is_read_page_by_page_and_by_its_filters(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    boss, user_id = await people.platform_admin(), UserId(uuid4())
    tenant = OrganizationId(uuid4())
    made = [new_record(user_id=user_id, organization_id=tenant) for _ in range(3)]
    for one in made:
        await database.execute(
            "INSERT INTO audit_records (id, occurred_at, action, reason, user_id,"
            " organization_id, actor_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *(one.id, one.occurred_at, one.action.value, one.reason, user_id, tenant, one.actor_id),
        )

    async def read(**asked: Any) -> httpx.Response:
        asked = {"user": str(user_id), **asked}
        return await client.get(TRAIL, params=asked, headers=boss.token)

    expected = sorted((str(record.id) for record in made), reverse=True)
    first = (await read(limit=2)).json()
    assert expected[:2] == [item["id"] for item in first["items"]]
    second = (await read(limit=2, cursor=first["next_cursor"])).json()
    assert expected[2:] == [item["id"] for item in second["items"]]
    assert None is second["next_cursor"]
    assert [] == (await read(action="sign_in:succeeded")).json()["items"]
    assert 3 == len((await read(action=AuditAction.MEMBERSHIP_ADDED)).json()["items"])
    assert 1 == len((await read(actor=str(made[0].actor_id))).json()["items"])
    assert [] == (await read(since="2999-01-01T00:00:00Z")).json()["items"]
    of_tenant = await client.get(
        f"/api/v1/organizations/{tenant}/audit", headers=boss.token, params={"limit": 100}
    )
    assert of_tenant.status_code in {200, 404}  # as the organization is there or not


@pytest.mark.parametrize(
    "asked", [{"since": "yesterday"}, {"until": "2026-01-01"}, {"limit": 0}, {"cursor": "?"}]
)
async def test_a_filter_that_says_nothing_is_refused(
    client: Client, people: People, asked: dict[str, Any]
) -> None:
    boss = await people.platform_admin()

    answer = await client.get(TRAIL, params=asked, headers=boss.token)

    assert 422 == answer.status_code
    assert [["query", next(iter(asked))]] == [error["loc"] for error in answer.json()["errors"]]


@pytest.mark.sec("SEC-55")
async def test_others_do_not_read_it(client: Client, people: People) -> None:
    one = await people.user()

    expect_problem(await client.get(TRAIL, headers=one.token), 403, "permission_denied")
    foreign = await client.get(f"/api/v1/organizations/{uuid4()}/audit", headers=one.token)
    expect_problem(foreign, 404, "not_found")
