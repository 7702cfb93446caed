"""/api/v1/users: accounts in the hands of administrators."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.api.asking import AUTH, PASSWORD, ask_at_once, expect_invalid, expect_problem
from tests.api.people import USERS, People
from tests.serving import Client

ACCOUNT = {
    *("user_id", "username", "email", "display_name", "created_at", "is_dev_user", "is_active"),
    *("roles", "is_admin", "status", "email_verified", "last_login", "updated_at", "version"),
    *("delete_after", "organization_id", "locale", "time_zone", "picture_url", "claims"),
}


async def test_a_user_is_made_found_read_changed_and_deleted(
    client: Client, second_worker: Client, people: People
) -> None:
    admin = await people.admin()
    name = f"made-{uuid4().hex[:12]}"
    body = {"username": name, "password": PASSWORD, "display_name": "Jane Roe"}

    made = await client.post(USERS, json=body, headers=admin.token)
    path = f"{USERS}/{made.json()['user_id']}"
    found = await second_worker.get(f"{USERS}?q={name[:-1].upper()}", headers=admin.token)
    read = await second_worker.get(path, headers=admin.token)
    changed = await client.patch(
        path,
        json={"display_name": "Jane R.", "locale": "pt-br", "time_zone": "Europe/Berlin"},
        headers=admin.token | {"If-Match": read.headers["etag"]},
    )
    deleted = await client.delete(path, headers=admin.token)
    again = await client.get(path, headers=admin.token)

    assert (201, ACCOUNT) == (made.status_code, set(made.json()))
    assert (["user"], "active", '"1"') == (
        made.json()["roles"],
        made.json()["status"],
        made.headers["etag"],
    )
    assert {"items": [made.json()], "next_cursor": None} == found.json()
    assert (200, made.json()) == (read.status_code, read.json())
    assert (200, '"2"') == (changed.status_code, changed.headers["etag"])
    assert ("Jane R.", "pt-BR", "Europe/Berlin") == tuple(
        changed.json()[field] for field in ("display_name", "locale", "time_zone")
    )
    assert 204 == deleted.status_code
    assert ("deleted", False) == (again.json()["status"], again.json()["is_active"])


async def test_a_user_made_with_a_password_can_log_in_and_one_without_cannot(
    client: Client, production: Client, people: People
) -> None:
    admin = await people.admin()
    names = [f"made-{uuid4().hex[:12]}" for _ in range(2)]
    for name, password in zip(names, (PASSWORD, None), strict=True):
        body = {"username": name, "password": password}
        assert 201 == (await client.post(USERS, json=body, headers=admin.token)).status_code

    answers = [
        await production.post(f"{AUTH}/login", json={"username": name, "password": PASSWORD})
        for name in names
    ]

    assert [200, 401] == [answer.status_code for answer in answers]


async def test_a_search_comes_in_pages_and_holds_everybody_once(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    admin = await people.admin()
    mark = uuid4().hex[:12]
    for _ in range(5):
        one = await people.user()
        await database.execute(
            "UPDATE users SET display_name = $1 WHERE id = $2", f"{mark} X", UUID(one.id)
        )

    seen, query = [], f"q={mark}&limit=2"
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        answer = await client.get(f"{USERS}?{query}{cursor}", headers=admin.token)
        page = answer.json()
        seen += [account["user_id"] for account in page["items"]]
        assert len(page["items"]) <= 2

    assert (5, 5) == (len(seen), len(set(seen)))
    assert sorted(seen) == seen


async def test_a_search_by_role_and_status(client: Client, people: People) -> None:
    boss, one = await people.platform_admin(), await people.user()
    disabled = await client.post(f"{USERS}/{one.id}/disable", headers=boss.token)
    assert ("disabled", 200) == (disabled.json()["status"], disabled.status_code)

    for query, expected in (
        (f"q={one.name}", [one.id]),
        (f"q={one.name}&status=disabled", [one.id]),
        (f"q={one.name}&status=active", []),
        (f"q={one.name}&role=user", [one.id]),
        (f"q={one.name}&role=admin", []),
        (f"q={boss.name}&role=platform_admin", [boss.id]),
    ):
        answer = await client.get(f"{USERS}?{query}", headers=boss.token)
        assert expected == [account["user_id"] for account in answer.json()["items"]]


@pytest.mark.sec("SEC-56")
@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "cursor=x", "cursor=AAAA", "cursor=%00", "status=gone"),
        *("role=owner", "q=", "q=%20", "q=%00", "q=a%0ab", f"q={'a' * 101}", "q=%ff"),
    ],
)
async def test_a_search_that_cannot_be_is_422(client: Client, people: People, query: str) -> None:
    answer = await client.get(f"{USERS}?{query}", headers=(await people.admin()).token)

    if query == "q=%ff":  # not UTF-8: it stands for no name
        assert 200 == answer.status_code
        assert [] == answer.json()["items"]
        return
    assert (422, "validation_failed") == (answer.status_code, answer.json()["code"])
    assert ["query"] == [error["loc"][0] for error in answer.json()["errors"]]


@pytest.mark.parametrize("special", ["%25", "_", "%27%20OR%201=1", "%5c"])
async def test_no_character_of_a_search_is_special(
    client: Client, people: People, special: str
) -> None:
    admin, one = await people.admin(), await people.user()
    plain = await client.get(f"{USERS}?q={one.name[:-1]}", headers=admin.token)
    # in one's own name: others may have such a character in theirs
    answer = await client.get(f"{USERS}?q={one.name[:-1]}{special}", headers=admin.token)

    assert [one.id] == [account["user_id"] for account in plain.json()["items"]]
    assert {"items": [], "next_cursor": None} == answer.json()


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("change", ["disable", "require-password-change", "delete", "roles"])
async def test_a_change_ends_every_session_before_its_answer(
    client: Client, second_worker: Client, people: People, change: str
) -> None:
    boss, one = await people.platform_admin(), await people.admin()
    me = f"{AUTH}/me"
    for worker in (client, second_worker):
        assert 200 == (await worker.get(me, headers=one.token)).status_code

    path = f"{USERS}/{one.id}"
    if change == "delete":
        answer = await client.delete(path, headers=boss.token)
    elif change == "roles":
        answer = await client.patch(path, json={"roles": ["user"]}, headers=boss.token)
    else:
        answer = await client.post(f"{path}/{change}", headers=boss.token)

    assert answer.is_success, answer.text
    for worker in (client, second_worker):
        expect_problem(await worker.get(me, headers=one.token), 401, "invalid_token")


async def test_who_must_replace_the_password_is_told_so(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    await client.post(f"{USERS}/{one.id}/require-password-change", headers=admin.token)

    for password, status, code in (
        (PASSWORD, 403, "password_change_required"),
        ("wrong" * 4, 401, "authentication_failed"),
    ):
        body = {"username": one.name, "password": password}
        expect_problem(await client.post(f"{AUTH}/login", json=body), status, code)


async def test_a_disabled_user_comes_back(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    await client.post(f"{USERS}/{one.id}/disable", headers=admin.token)
    twice = await client.post(f"{USERS}/{one.id}/disable", headers=admin.token)
    enabled = await client.post(f"{USERS}/{one.id}/enable", headers=admin.token)

    expect_problem(twice, 409, "lifecycle_conflict")
    assert (200, "active") == (enabled.status_code, enabled.json()["status"])
    assert await people.again(one.name)


async def test_a_change_for_another_version_is_412(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    path, before = f"{USERS}/{one.id}", {"display_name": "One"}
    etag = (await client.get(path, headers=admin.token)).headers["etag"]
    first = await client.patch(path, json=before, headers=admin.token | {"If-Match": etag})

    for condition in (etag, '"999"', "W/" + first.headers["etag"], "x", '"a", "b"'):
        refused = await client.patch(
            path, json={"display_name": "Two"}, headers=admin.token | {"If-Match": condition}
        )
        expect_problem(refused, 412, "precondition_failed")
    for condition in ("*", first.headers["etag"]):
        done = await client.patch(path, json=before, headers=admin.token | {"If-Match": condition})
        assert (200, first.headers["etag"]) == (done.status_code, done.headers["etag"])


@pytest.mark.sec("SEC-57")
async def test_nobody_grants_or_edits_beyond_themselves(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    boss, admin, one = await people.platform_admin(), await people.admin(), await people.user()
    for target, roles in (
        (one, ["platform_admin"]),
        (admin, ["admin", "platform_admin"]),
        (boss, ["user"]),
        (boss, ["platform_admin"]),
    ):
        answer = await client.patch(
            f"{USERS}/{target.id}", json={"roles": roles}, headers=admin.token
        )
        expect_problem(answer, 403, "permission_denied")
    body = {"username": f"made-{uuid4().hex[:12]}", "roles": ["platform_admin"]}
    expect_problem(
        await client.post(USERS, json=body, headers=admin.token), 403, "permission_denied"
    )
    for method, path in (
        ("DELETE", f"{USERS}/{boss.id}"),
        ("POST", f"{USERS}/{boss.id}/disable"),
        ("POST", f"{USERS}/{boss.id}/require-password-change"),
        ("DELETE", f"{AUTH}/users/{boss.name}"),
        ("POST", f"{AUTH}/users/{boss.id}/revoke-tokens"),
        ("DELETE", f"{AUTH}/users/{boss.id}/sessions"),
        ("DELETE", f"{AUTH}/users/{boss.id}/sessions/{boss.session_id}"),
    ):
        answer = await client.request(method, path, headers=admin.token)
        expect_problem(answer, 403, "permission_denied")

    query = "SELECT roles, status FROM users WHERE id = $1"
    stored = [tuple(await database.fetchrow(query, UUID(each.id))) for each in (boss, admin, one)]
    assert [
        (["platform_admin"], "active"),
        (["admin"], "active"),
        (["user"], "active"),
    ] == stored
    assert 200 == (await client.get(f"{AUTH}/me", headers=boss.token)).status_code


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize("change", ["disable", "delete", "demote", "leave"])
async def test_two_administrators_who_remove_each_other_or_leave_are_one_then(
    client: Client,
    second_worker: Client,
    people: People,
    database: asyncpg.Connection,
    change: str,
) -> None:
    for _ in range(3):
        await database.execute("UPDATE users SET roles = '{user}'")
        pair = [await people.admin() for _ in range(2)]
        requests = []
        for worker, one, other in (
            (client, pair[0], pair[1]),
            (second_worker, pair[1], pair[0]),
        ):
            method, path = {
                "disable": ("POST", f"{USERS}/{other.id}/disable"),
                "delete": ("DELETE", f"{USERS}/{other.id}"),
                "demote": ("PATCH", f"{USERS}/{other.id}"),
                "leave": ("DELETE", f"{AUTH}/me"),
            }[change]
            bodies = {"demote": {"roles": ["user"]}, "leave": {"password": PASSWORD}}
            body = bodies.get(change, {})
            requests.append(ask_at_once([worker], method, path, [one.token | body]))

        answers = [found for [found] in await asyncio.gather(*requests)]

        # the slower one meets the end of their session, or the last administrator
        assert 1 == sum(answer.is_success for answer in answers)
        assert {answer.status_code for answer in answers if not answer.is_success} <= {401, 409}
        query = (
            "SELECT count(*) FROM users WHERE roles && '{admin,platform_admin}'"
            " AND status = 'active' AND delete_after IS NULL"
        )
        assert 1 == await database.fetchval(query)


@pytest.mark.sec("SEC-58")
async def test_the_last_administrator_is_told_to_stay(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    await database.execute("UPDATE users SET roles = '{user}'")
    last = await people.admin()

    for method, path, body in (
        ("POST", f"{USERS}/{last.id}/disable", None),
        ("DELETE", f"{USERS}/{last.id}", None),
        ("PATCH", f"{USERS}/{last.id}", {"roles": ["user"]}),
        ("DELETE", f"{AUTH}/users/{last.name}", None),
        ("DELETE", f"{AUTH}/me", {"password": PASSWORD}),
    ):
        answer = await client.request(method, path, json=body, headers=last.token)
        expect_problem(answer, 409, "last_administrator")
        assert "fm-auth user promote" in answer.json()["detail"]
    assert 200 == (await client.get(f"{AUTH}/me", headers=last.token)).status_code


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"roles": []}, ("body.roles", "unknown")),
        ({"roles": ["owner"]}, ("body.roles", "unknown")),
        ({"locale": "xx_YY"}, ("body.locale", "locale")),
        ({"time_zone": "Mars"}, ("body.time_zone", "time_zone")),
        ({"picture_url": "http://example.com/"}, ("body.picture_url", "url")),
        ({"claims": {"a": 1}}, ("body.claims", "unknown")),
        ({"display_name": None}, ("body.display_name", "type_error")),
    ],
)
async def test_a_change_that_breaks_a_rule_is_refused(
    client: Client, people: People, body: dict[str, Any], wrong: tuple[str, str]
) -> None:
    admin, one = await people.admin(), await people.user()

    answer = await client.patch(f"{USERS}/{one.id}", json=body, headers=admin.token)

    assert {wrong} == expect_invalid(answer)


@pytest.mark.sec("SEC-66")
async def test_the_trail_names_the_administrator(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    admin, one = await people.admin(), await people.user()
    await client.patch(f"{USERS}/{one.id}", json={"roles": ["user", "admin"]}, headers=admin.token)
    await client.delete(f"{AUTH}/users/{one.id}/sessions/{one.session_id}", headers=admin.token)
    await client.post(f"{AUTH}/users/{one.id}/revoke-tokens", headers=admin.token)

    rows = await database.fetch(
        "SELECT action, detail, actor_id, via_session_id FROM audit_records"
        " WHERE user_id = $1 AND actor_id IS NOT NULL ORDER BY id",
        UUID(one.id),
    )
    events = await database.fetch(
        "SELECT type, payload->>'actor_id' AS actor FROM outbox WHERE user_id = $1"
        " AND type IN ('role.assigned', 'role.revoked', 'session.revoked')",
        UUID(one.id),
    )
    from_where = UUID(admin.id), UUID(admin.session_id)
    assert [
        ("user:roles_changed", "user -> user,admin", *from_where),
        ("session:ended", None, *from_where),
        ("session:ended", "all", *from_where),
    ] == [tuple(row) for row in rows]
    assert ("role.assigned", admin.id) in [tuple(event) for event in events]
    assert {admin.id} == {event["actor"] for event in events}
