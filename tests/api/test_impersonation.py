"""Acting for a user over HTTP (SEC-70)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.api.asking import AUTH, PASSWORD, claims_of, expect_invalid, expect_problem
from tests.api.people import USERS, People, Person
from tests.serving import Client

pytestmark = pytest.mark.sec("SEC-70")

MINUTES = ("body.minutes", "out_of_range")


async def act_for(client: Client, admin: Person, one: Person, minutes: int = 30) -> Person:
    answer = await client.post(
        f"{USERS}/{one.id}/impersonate",
        json={"reason": "ticket 4711", "minutes": minutes},
        headers=admin.token,
    )
    assert 201 == answer.status_code, answer.text
    return Person(answer.json())


async def test_the_token_names_both_and_the_user_sees_it(
    client: Client, second_worker: Client, people: People
) -> None:
    admin, one = await people.admin(), await people.user()
    acting = await act_for(client, admin, one)

    claims = claims_of(acting.tokens["access_token"])
    me = await second_worker.get(f"{AUTH}/me", headers=acting.token)
    sessions = await second_worker.get(f"{AUTH}/sessions", headers=one.token)

    assert {"sub": admin.id} == claims["act"]
    assert "act" not in claims_of(one.tokens["access_token"])
    assert (one.id, one.id) == (claims["sub"], me.json()["user_id"])
    assert acting.tokens["expires_in"] <= 1800
    assert acting.tokens["refresh_expires_in"] <= 1800
    marks = {each["session_id"]: each["impersonator_id"] for each in sessions.json()["items"]}
    assert (admin.id, None) == (marks[acting.session_id], marks[one.session_id])


async def test_a_refresh_keeps_the_mark_and_wins_no_time(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    acting = await act_for(client, admin, one, minutes=5)

    answer = await client.post(
        f"{AUTH}/refresh", json={"refresh_token": acting.tokens["refresh_token"]}
    )

    assert {"sub": admin.id} == claims_of(answer.json()["access_token"])["act"]
    assert answer.json()["refresh_expires_in"] <= 300
    assert answer.json()["expires_in"] <= 300


async def test_everything_in_it_is_marked_and_nothing_outside(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    admin, one = await people.admin(), await people.user()
    acting = await act_for(client, admin, one)
    for person, name in ((acting, "By the administrator"), (one, "By the user")):
        answer = await client.patch(f"{AUTH}/me", json={"display_name": name}, headers=person.token)
        assert 200 == answer.status_code
    await client.post(f"{AUTH}/logout", headers=acting.token)

    events = await database.fetch(
        "SELECT type, payload->>'actor_id' FROM outbox WHERE user_id = $1 ORDER BY position",
        UUID(one.id),
    )
    # after what the registration and the login left
    marked = [tuple(event) for event in events][-4:]
    assert [
        ("session.created", admin.id),
        ("user.updated", admin.id),
        ("user.updated", None),
        ("session.revoked", admin.id),
    ] == marked
    record = await database.fetchrow(
        "SELECT detail, actor_id FROM audit_records WHERE session_id = $1 ORDER BY id",
        UUID(acting.session_id),
    )
    assert ("ticket 4711", UUID(admin.id)) == tuple(record)


async def test_what_is_the_users_own_is_refused(client: Client, people: People) -> None:
    boss, admin, one = await people.platform_admin(), await people.admin(), await people.user()
    acting = await act_for(client, boss, admin)

    for method, path, body in (
        ("POST", f"{AUTH}/reauthenticate", {"password": PASSWORD}),
        ("GET", f"{AUTH}/me/export", None),
        ("POST", f"{USERS}/{one.id}/impersonate", {"reason": "more", "minutes": 5}),
        ("POST", USERS, {"username": "somebody.else"}),
        ("PATCH", f"{USERS}/{one.id}", {"roles": ["admin"]}),
        ("DELETE", f"{USERS}/{one.id}", None),
        ("POST", f"{USERS}/{one.id}/disable", None),
        ("POST", f"{USERS}/{one.id}/enable", None),
        ("POST", f"{USERS}/{one.id}/restore", None),
        ("POST", f"{USERS}/{one.id}/require-password-change", None),
        ("DELETE", f"{AUTH}/users/{one.name}", None),
        ("POST", f"{AUTH}/users/{one.id}/revoke-tokens", None),
        ("DELETE", f"{AUTH}/users/{one.id}/sessions", None),
    ):
        answer = await client.request(method, path, json=body, headers=acting.token)
        expect_problem(answer, 403, "impersonation_refused")
    assert 200 == (await client.get(USERS, headers=acting.token)).status_code


async def test_an_administrator_is_acted_for_by_a_platform_admin_only(
    client: Client, people: People
) -> None:
    boss, admin, other = await people.platform_admin(), await people.admin(), await people.admin()
    body = {"reason": "ticket 4711"}

    for target in (other, boss, admin):
        answer = await client.post(
            f"{USERS}/{target.id}/impersonate", json=body, headers=admin.token
        )
        expect_problem(answer, 403, "permission_denied")
    assert await act_for(client, boss, admin)


@pytest.mark.sec("SEC-57")
async def test_it_ends_with_the_role_of_who_acts(
    client: Client, second_worker: Client, people: People
) -> None:
    boss, admin, one = await people.platform_admin(), await people.admin(), await people.user()
    acting = await act_for(client, admin, one)
    assert 200 == (await second_worker.get(f"{AUTH}/me", headers=acting.token)).status_code

    await client.post(f"{USERS}/{admin.id}/disable", headers=boss.token)

    refused = await second_worker.get(f"{AUTH}/me", headers=acting.token)
    expect_problem(refused, 401, "invalid_token")
    assert 200 == (await second_worker.get(f"{AUTH}/me", headers=one.token)).status_code


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"reason": ""}, {("body.reason", "invalid")}),
        ({"reason": "x" * 201, "minutes": 61}, {("body.reason", "invalid"), MINUTES}),
        ({"reason": "ticket", "minutes": 0}, {MINUTES}),
        ({"reason": "ticket", "minutes": -(10**18)}, {MINUTES}),
        ({"reason": "ticket", "minutes": 10**18}, {MINUTES}),
        ({"minutes": 5}, {("body.reason", "missing")}),
    ],
)
async def test_without_a_reason_and_a_time_it_does_not_begin(
    client: Client, people: People, body: dict[str, Any], wrong: set[tuple[str, str]]
) -> None:
    admin, one = await people.admin(), await people.user()

    answer = await client.post(f"{USERS}/{one.id}/impersonate", json=body, headers=admin.token)

    assert wrong == expect_invalid(answer)
