"""GET and PATCH /me, GET /me/available-scopes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.api.asking import (
    AUTH,
    JSON,
    PASSWORD,
    USER,
    ask_at_once,
    expect_invalid,
    expect_problem,
    sign_up,
)
from tests.api.organizing import join, new_organization
from tests.api.people import Person
from tests.serving import Client, bearer

NewName = Callable[[], str]

PROFILE = {
    **USER,
    "last_login": str,
    "token_count": int,
    "email_verified": bool,
    "provider": str,
    "organization": type(None),
    "locale": type(None),
    "time_zone": type(None),
    "picture_url": type(None),
    "claims": dict,
}
ROUTES = [("GET", "/me"), ("PATCH", "/me"), ("GET", "/me/available-scopes")]


async def test_a_profile_has_exactly_the_fields_of_the_contract(
    client: Client, new_name: NewName
) -> None:
    signed_in = await sign_up(client, new_name())

    answer = await client.get(f"{AUTH}/me", headers=bearer(signed_in["access_token"]))

    body = answer.json()
    assert 200 == answer.status_code
    assert {name: type(value) for name, value in body.items()} == PROFILE
    assert signed_in["user"] == {name: body[name] for name in USER}
    assert body["last_login"].endswith("+00:00")
    assert (1, False, "local", None) == tuple(
        body[name] for name in ("token_count", "email_verified", "provider", "organization")
    )


async def test_a_member_of_an_organization_sees_it_and_may_act_for_the_team(
    client: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name, organization = new_name(), await new_organization(database)
    await join(database, Person(await sign_up(client, name)), organization, "member")
    login = await client.post(f"{AUTH}/dev-login", json={"username": name})
    token = login.json()["access_token"]

    me = await client.get(f"{AUTH}/me", headers=bearer(token))
    scopes = await client.get(f"{AUTH}/me/available-scopes", headers=bearer(token))

    assert {"organization_id": organization, "name": "Acme"} == me.json()["organization"]
    assert {"scopes": ["personal", "team", "global"]} == scopes.json()


async def test_an_administrator_may_act_globally(client: Client, new_name: NewName) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    answer = await client.get(f"{AUTH}/me/available-scopes", headers=bearer(token))

    assert (200, {"scopes": ["personal", "global"]}) == (answer.status_code, answer.json())


async def test_an_ordinary_user_may_act_for_themselves_only(
    production: Client, new_name: NewName
) -> None:
    fresh = {"username": new_name(), "password": PASSWORD}
    token = (await production.post(f"{AUTH}/register", json=fresh)).json()["access_token"]

    answer = await production.get(f"{AUTH}/me/available-scopes", headers=bearer(token))

    assert {"scopes": ["personal"]} == answer.json()


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_the_signed_in_user_is_a_secret_of_the_token(
    client: Client, method: str, route: str
) -> None:
    bare = await client.request(method, AUTH + route)
    basic = await client.request(method, AUTH + route, headers={"Authorization": "Basic eDp5"})
    forged = await client.request(method, AUTH + route, headers=bearer("x.y.z"))

    expect_problem(bare, 401, "authentication_required")
    expect_problem(basic, 401, "authentication_required")
    expect_problem(forged, 401, "invalid_token")
    assert 'Bearer realm="faultmaven-auth"' == bare.headers["www-authenticate"]
    assert 'error="invalid_token"' in forged.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("John Doe", "John Doe"),
        ("  trimmed  ", "trimmed"),
        ("e\u0301", "\u00e9"),
        ("\U0001f469\u200d\U0001f680 \u0416\u4e2d", "\U0001f469\u200d\U0001f680 \u0416\u4e2d"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a", "a"),
        ("a" * 100, "a" * 100),
        ("e\u0301" * 100, "\u00e9" * 100),
    ],
)
async def test_a_changed_display_name_is_seen_on_the_other_worker_at_once(
    client: Client, second_worker: Client, new_name: NewName, given: str, kept: str
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])
    before = (await second_worker.get(f"{AUTH}/me", headers=token)).json()

    changed = await client.patch(f"{AUTH}/me", json={"display_name": given}, headers=token)

    assert (200, before | {"display_name": kept}) == (changed.status_code, changed.json())
    for worker in (second_worker, client):
        assert changed.json() == (await worker.get(f"{AUTH}/me", headers=token)).json()


async def test_changes_on_two_workers_in_turn_are_each_seen_on_the_other(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])

    for turn in range(6):
        writer, reader = (client, second_worker)[:: 1 if turn % 2 else -1]
        await writer.patch(f"{AUTH}/me", json={"display_name": f"Turn {turn}"}, headers=token)
        seen = (await reader.get(f"{AUTH}/me", headers=token)).json()["display_name"]
        assert f"Turn {turn}" == seen


async def test_of_changes_at_once_some_win_and_the_others_are_told_to_read_again(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])

    answers = await ask_at_once(
        (client, second_worker),
        "PATCH",
        f"{AUTH}/me",
        [token | {"display_name": f"Name {turn}"} for turn in range(12)],
    )

    won = [answer.json()["display_name"] for answer in answers if answer.status_code == 200]
    for answer in answers:
        if answer.status_code != 200:
            expect_problem(answer, 409, "concurrent_update")
    for worker in (client, second_worker):
        assert (await worker.get(f"{AUTH}/me", headers=token)).json()["display_name"] in won


@pytest.mark.sec("SEC-54")
async def test_a_change_of_anything_else_does_not_take_effect(
    client: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    signed_in = await sign_up(client, new_name())
    token = bearer(signed_in["access_token"])
    user_id = UUID(signed_in["user"]["user_id"])
    before = (await client.get(f"{AUTH}/me", headers=token)).json()
    row = await database.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
    greedy = {
        "is_admin": False,
        "verified": True,
        "email_verified": True,
        "is_dev_user": False,
        "is_active": False,
        "tenant_id": str(uuid4()),
        "organization_id": str(uuid4()),
        "user_id": str(uuid4()),
        "username": new_name(),
        "email": "somebody@example.com",
        "role": "platform_admin",
        "roles": ["platform_admin"],
        "created_at": "2001-01-01T00:00:00+00:00",
        "password": PASSWORD,
        "status": "deleted",
    }

    answer = await client.patch(f"{AUTH}/me", json=greedy, headers=token)

    assert (200, before) == (answer.status_code, answer.json())
    assert row == await database.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
    query = "SELECT count(*) FROM password_credentials WHERE user_id = $1"
    assert 0 == await database.fetchval(query, user_id)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"display_name": None}, "type_error"),
        ({"display_name": 5}, "type_error"),
        ({"display_name": ["a"]}, "type_error"),
        ({"display_name": {}}, "type_error"),
        ({"display_name": ""}, "too_short"),
        ({"display_name": " \u3000 "}, "too_short"),
        ({"display_name": "a" * 101}, "too_long"),
        ({"display_name": "a" * 60000}, "too_long"),
        ({"display_name": "a\0b"}, "alphabet"),
        ({"display_name": "a\nb"}, "alphabet"),
        ({"display_name": "a\u200bb"}, "alphabet"),
        ({"display_name": "a\u202eb"}, "alphabet"),
        ({"display_name": "a\u2066b"}, "alphabet"),
        ({"display_name": "\ufeffa"}, "alphabet"),
        ({"display_name": "a\u2028b"}, "alphabet"),
    ],
)
async def test_a_display_name_that_breaks_a_rule_is_refused_and_nothing_changes(
    client: Client, new_name: NewName, body: dict[str, Any], wrong: str
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])
    before = (await client.get(f"{AUTH}/me", headers=token)).json()

    answer = await client.patch(f"{AUTH}/me", json=body, headers=token)

    assert {("body.display_name", wrong)} == expect_invalid(answer)
    assert before == (await client.get(f"{AUTH}/me", headers=token)).json()


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b"{", b'"x"', b"\xff"])
async def test_a_change_needs_a_json_object(
    client: Client, new_name: NewName, content: bytes
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])

    answer = await client.patch(f"{AUTH}/me", content=content, headers=token | JSON)

    code = "malformed_json" if content in {b"{", b"\xff"} else "validation_failed"
    expect_problem(answer, 422, code)


async def test_who_asks_is_checked_before_what_they_send(client: Client) -> None:
    answer = await client.patch(f"{AUTH}/me", content=b"{", headers={"Content-Type": "text/plain"})

    expect_problem(answer, 401, "authentication_required")


@pytest.mark.sec("SEC-29")
async def test_a_user_who_was_disabled_is_refused_although_the_token_is_genuine(
    client: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    token = bearer((await sign_up(client, name))["access_token"])
    await database.execute("UPDATE users SET status = 'disabled' WHERE username = $1", name)

    answer = await client.get(f"{AUTH}/me", headers=token)  # the first request: nothing is cached

    expect_problem(answer, 401, "invalid_token")
