"""Roles of organizations, permission checks, and what one may, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.api.asking import expect_invalid, expect_problem
from tests.api.organizing import join, join_team, new_organization, new_team
from tests.api.people import People, Person
from tests.serving import Client, serving

CHECK = "/api/v1/permissions/check"
MINE = "/api/v1/me/permissions"
SECRET = "a-secret-of-more-than-thirty-two-characters"


def roles_of(organization_id: str) -> str:
    return f"/api/v1/organizations/{organization_id}/roles"


@pytest.fixture
async def here(database: asyncpg.Connection) -> str:
    return await new_organization(database)


async def member(people: People, database: asyncpg.Connection, here: str, role: str) -> Person:
    person = await people.user()
    await join(database, person, here, role)
    return person


async def may(
    client: Client, person: Person, permission: str, organization_id: str | None, **more: Any
) -> bool:
    resource = {"organization_id": organization_id, **more}
    answer = await client.post(
        CHECK, json={"permission": permission, "resource": resource}, headers=person.token
    )
    assert 200 == answer.status_code, answer.text
    return bool(answer.json()["allowed"])


async def made(client: Client, person: Person, here: str, *permissions: str) -> dict[str, Any]:
    body = {"name": f"role-{uuid4().hex[:8]}", "permissions": permissions}
    answer = await client.post(roles_of(here), json=body, headers=person.token)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


async def test_a_check_says_yes_or_no_and_why(
    client: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    person = await member(people, database, here, "member")
    team = await new_team(database, here)
    await join_team(database, person, here, team, "lead")
    body = {
        "checks": [
            {"permission": "cases:write", "resource": {"organization_id": here}},
            {"permission": "users:manage", "resource": {"organization_id": here}},
            {"permission": "cases:delete", "resource": {"organization_id": here, "team_id": team}},
            {"permission": "cases:read", "resource": {"organization_id": str(uuid4())}},
            {"permission": "cases:fly"},
        ],
        "explain": True,
    }

    answer = (await client.post(CHECK, json=body, headers=person.token)).json()

    assert [
        (True, "role", "organization", "member"),
        (False, "missing_permission", None, None),
        (True, "role", "team", "lead"),
        (False, "not_a_member", None, None),
        (False, "unknown_permission", None, None),
    ] == [
        (each["allowed"], each["reason"], each.get("scope"), each.get("role"))
        for each in answer["results"]
    ]
    assert not answer["allowed"]
    assert all(each["explanation"].endswith(".") for each in answer["results"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"checks": []},
        {"checks": [{"permission": "cases:read"}] * 101},
        {"permission": "cases:read", "checks": [{"permission": "cases:read"}]},
        {"checks": [{"permission": "cases:read"}], "user_id": str(uuid4())},
        {"permission": "cases:read", "resource": {"team_id": str(uuid4())}},
    ],
)
async def test_a_check_that_is_none_is_refused(
    client: Client, people: People, body: dict[str, Any]
) -> None:
    person = await people.user()

    assert expect_invalid(await client.post(CHECK, json=body, headers=person.token))


@pytest.mark.sec("SEC-56")
async def test_about_others_asks_who_may_read_users(
    client: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    viewer, other = await member(people, database, here, "viewer"), await people.user()
    elsewhere = await new_organization(database)
    admin = await people.admin()

    async def ask(asker: Person, organization_id: str | None) -> Any:
        body = {
            "permission": "cases:read",
            "user_id": other.id,
            "resource": {"organization_id": organization_id},
        }
        return await client.post(CHECK, json=body, headers=asker.token)

    assert "not_a_member" == (await ask(viewer, here)).json()["reason"]
    assert 200 == (await ask(admin, elsewhere)).status_code
    expect_problem(await ask(viewer, elsewhere), 403, "permission_denied")
    expect_problem(await ask(viewer, None), 403, "permission_denied")


@pytest.fixture(scope="module")
async def registered(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker that knows two callers and a resource of theirs."""
    callers = (
        f'[{{"client_id": "gateway", "client_secret": "{SECRET}", "allow": ["check"]}},'
        f' {{"client_id": "other", "client_secret": "{SECRET}", "allow": ["introspect"]}}]'
    )
    resources = '{"incidents": ["read", "close"]}'
    more = {"AUTH_CLIENTS": callers, "AUTH_RESOURCES": resources}
    async with serving(environ | more) as client:
        yield client


async def test_a_registered_caller_asks_in_the_shape_of_authzen(
    registered: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    person = await member(people, database, here, "viewer")
    question: dict[str, Any] = {
        "subject": {"type": "user", "id": person.id},
        "resource": {"type": "incidents", "id": "1", "properties": {"organization_id": here}},
    }
    path, caller = "/access/v1/evaluation", ("gateway", SECRET)

    read = await registered.post(path, json=question | {"action": {"name": "read"}}, auth=caller)
    close = await registered.post(path, json=question | {"action": {"name": "close"}}, auth=caller)
    many = question | {
        "evaluations": [{"action": {"name": "close"}}, {"action": {"name": "incidents:read"}}]
    }
    both = await registered.post(f"{path}s", json=many, auth=caller)
    first = await registered.post(
        f"{path}s",
        json=many | {"options": {"evaluations_semantic": "deny_on_first_deny"}},
        auth=caller,
    )

    assert {"decision": True, "context": {"reason": "role"}} == read.json()
    assert {"decision": False, "context": {"reason": "missing_permission"}} == close.json()
    assert [False, True] == [each["decision"] for each in both.json()["evaluations"]]
    assert [False] == [each["decision"] for each in first.json()["evaluations"]]


async def test_a_subject_that_nobody_is_may_nothing(registered: Client) -> None:
    for subject in (
        {"type": "user", "id": str(uuid4())},
        {"type": "user", "id": "john"},
        {"type": "service", "id": str(uuid4())},
    ):
        question = {"subject": subject, "action": {"name": "read"}, "resource": {"type": "cases"}}
        answer = await registered.post(
            "/access/v1/evaluation", json=question, auth=("gateway", SECRET)
        )
        assert {"decision": False, "context": {"reason": "unknown_subject"}} == answer.json()


async def test_a_caller_without_the_permission_and_nobody_ask_in_vain(registered: Client) -> None:
    body = {"permission": "cases:read"}

    refused = await registered.post(CHECK, json=body, auth=("other", SECRET))
    expect_problem(refused, 403, "permission_denied")
    wrong = await registered.post(CHECK, json=body, auth=("gateway", "x" * 40))
    assert 401 == wrong.status_code
    expect_problem(await registered.post(CHECK, json=body), 401, "authentication_required")


async def test_what_one_may_is_listed(
    client: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    person = await member(people, database, here, "viewer")

    listed = (await client.get(f"{MINE}?organization_id={here}", headers=person.token)).json()
    nowhere = (await client.get(MINE, headers=person.token)).json()
    elsewhere = await client.get(f"{MINE}?organization_id={uuid4()}", headers=person.token)

    assert "viewer" == listed["organization"]["role"]
    assert "cases:read" in listed["permissions"]
    assert [] == nowhere["permissions"]
    expect_problem(elsewhere, 404, "not_found")


async def test_built_in_roles_and_registered_permissions_are_listed(
    registered: Client, people: People
) -> None:
    person = await people.user()

    listed = (await registered.get("/api/v1/roles", headers=person.token)).json()

    assert 9 == len(listed["items"])
    assert "incidents:close" in listed["permissions"]


@pytest.mark.sec("SEC-29")
async def test_a_changed_role_holds_from_the_next_request_on_every_worker(
    client: Client,
    second_worker: Client,
    people: People,
    database: asyncpg.Connection,
    here: str,
) -> None:
    owner = await member(people, database, here, "owner")
    role = await made(client, owner, here, "cases:read", "roles:read")
    holder = await member(people, database, here, role["name"])
    assert await may(second_worker, holder, "cases:read", here)
    assert 200 == (await second_worker.get(roles_of(here), headers=holder.token)).status_code

    answer = await client.patch(
        f"{roles_of(here)}/{role['role_id']}",
        json={"permissions": ["cases:write"]},
        headers=owner.token,
    )

    assert 200 == answer.status_code, answer.text
    for worker in (client, second_worker):
        assert not await may(worker, holder, "cases:read", here)
        assert await may(worker, holder, "cases:write", here)
        denied = await worker.get(roles_of(here), headers=holder.token)
        expect_problem(denied, 403, "permission_denied")


@pytest.mark.sec("SEC-57")
async def test_nobody_makes_or_changes_a_role_beyond_what_he_holds(
    client: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    owner = await member(people, database, here, "owner")
    admin = await member(people, database, here, "admin")
    mighty = await made(client, owner, here, "organization:delete")
    path = f"{roles_of(here)}/{mighty['role_id']}"

    for answer in (
        await client.post(
            roles_of(here),
            json={"name": "usurper", "permissions": ["organization:manage"]},
            headers=admin.token,
        ),
        await client.patch(path, json={"permissions": ["cases:read"]}, headers=admin.token),
        await client.delete(path, headers=admin.token),
    ):
        expect_problem(answer, 403, "permission_denied")
    assert mighty == (await client.get(path, headers=admin.token)).json()


async def test_a_role_is_made_read_changed_and_removed_with_a_trail(
    client: Client, people: People, database: asyncpg.Connection, here: str
) -> None:
    owner = await member(people, database, here, "owner")
    role = await made(client, owner, here, "cases:read")
    path = f"{roles_of(here)}/{role['role_id']}"
    stale = {**owner.token, "If-Match": '"7"'}

    expect_problem(
        await client.patch(path, json={"description": "x"}, headers=stale),
        412,
        "precondition_failed",
    )
    changed = await client.patch(path, json={"description": "Looks."}, headers=owner.token)
    assert ("Looks.", 2, '"2"') == (
        changed.json()["description"],
        changed.json()["version"],
        changed.headers["etag"],
    )
    page = (await client.get(roles_of(here), headers=owner.token)).json()
    assert [role["role_id"]] == [each["role_id"] for each in page["items"]]
    twice = {"name": role["name"], "permissions": []}
    again = await client.post(roles_of(here), json=twice, headers=owner.token)
    expect_problem(again, 409, "role_name_taken")
    holder = await member(people, database, here, role["name"])
    expect_problem(await client.delete(path, headers=owner.token), 409, "role_held")
    await database.execute("DELETE FROM memberships WHERE user_id = $1::uuid", holder.id)
    assert 204 == (await client.delete(path, headers=owner.token)).status_code
    expect_problem(await client.get(path, headers=owner.token), 404, "role_not_found")

    told = await database.fetch(
        "SELECT type FROM outbox WHERE organization_id = $1::uuid ORDER BY position", here
    )
    assert ["role.created", "role.updated", "role.deleted"] == [row["type"] for row in told]
    kept = await database.fetch(
        "SELECT action, actor_id::text, target FROM audit_records"
        " WHERE organization_id = $1::uuid ORDER BY id",
        here,
    )
    target = f"role:{role['role_id']}"
    assert [
        ("role:created", owner.id, target),
        ("role:updated", owner.id, target),
        ("role:deleted", owner.id, target),
    ] == [tuple(row) for row in kept]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "owner", "permissions": []}, "name"),
        ({"name": "x", "permissions": []}, "name"),
        ({"name": "Ünïcode", "permissions": []}, "name"),
        ({"name": "auditor", "permissions": ["cases:fly"]}, "permissions"),
        ({"name": "auditor", "permissions": [], "description": "x" * 201}, "description"),
    ],
)
async def test_a_role_that_is_none_is_refused(
    client: Client,
    people: People,
    database: asyncpg.Connection,
    here: str,
    body: dict[str, Any],
    field: str,
) -> None:
    owner = await member(people, database, here, "owner")

    answer = await client.post(roles_of(here), json=body, headers=owner.token)

    assert {f"body.{field}"} == {where for where, _ in expect_invalid(answer)}
