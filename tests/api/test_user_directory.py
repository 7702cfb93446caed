"""/api/v1/auth/users: users as older dashboards know them (contract §2)."""

from datetime import datetime
from uuid import uuid4

import pytest

from tests.api.asking import AUTH, USER, expect_problem
from tests.api.people import People
from tests.serving import Client

DIRECTORY = f"{AUTH}/users"


async def test_the_list_has_users_total_and_truncated(client: Client, people: People) -> None:
    admin = await people.admin()

    body = (await client.get(DIRECTORY, headers=admin.token)).json()

    assert {"users", "total", "truncated"} == set(body)
    assert body["users"]
    assert all(set(USER) == set(user) for user in body["users"])
    assert body["truncated"] == (body["total"] > len(body["users"]))


@pytest.mark.sec("SEC-29")
async def test_a_user_is_deleted_by_name(
    client: Client, second_worker: Client, people: People
) -> None:
    admin, one = await people.admin(), await people.user()

    answer = await client.delete(f"{DIRECTORY}/{one.name.upper()}", headers=admin.token)

    assert (200, {"message", "user_id"}) == (answer.status_code, set(answer.json()))
    assert one.id == answer.json()["user_id"]
    refused = await second_worker.get(f"{AUTH}/me", headers=one.token)
    expect_problem(refused, 401, "invalid_token")
    again = await client.delete(f"{DIRECTORY}/{one.name}", headers=admin.token)
    expect_problem(again, 404, "user_not_found")


async def test_a_name_that_nobody_has_is_404(client: Client, people: People) -> None:
    admin = await people.admin()

    for name in ("nobody-has-this", "x", "no%20name", "a@b", "%00", "somebody@example.org"):
        answer = await client.delete(f"{DIRECTORY}/{name}", headers=admin.token)
        expect_problem(answer, 404, "user_not_found")
    answer = await client.post(f"{DIRECTORY}/{uuid4()}/revoke-tokens", headers=admin.token)
    expect_problem(answer, 404, "user_not_found")


@pytest.mark.sec("SEC-29")
async def test_all_tokens_of_a_user_are_revoked(
    client: Client, second_worker: Client, people: People
) -> None:
    admin, one = await people.admin(), await people.user()
    other = await people.again(one.name)
    assert 200 == (await second_worker.get(f"{AUTH}/me", headers=other.token)).status_code

    answer = await client.post(f"{DIRECTORY}/{one.id}/revoke-tokens", headers=admin.token)

    assert (200, {"message", "revoked_before"}) == (answer.status_code, set(answer.json()))
    assert answer.json()["revoked_before"].endswith("+00:00")
    assert datetime.fromisoformat(answer.json()["revoked_before"])
    for each in (one, other):
        refused = await second_worker.get(f"{AUTH}/me", headers=each.token)
        expect_problem(refused, 401, "invalid_token")
    assert await people.again(one.name)
