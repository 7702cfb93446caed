"""POST /dev-login and /login."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
import structlog

from app.container import Container
from app.settings import load_settings
from tests.api.asking import AUTH, PASSWORD, claims_of, expect_invalid, expect_problem, sign_up
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]
Answer = dict[str, Any]


async def _log_in(client: Client, route: str = "login", **body: Any) -> Any:
    return await client.post(f"{AUTH}/{route}", json=body)


@pytest.mark.parametrize("route", ["dev-login", "login"])
async def test_logging_in_by_name_gives_a_new_session_of_the_same_user(
    client: Client, new_name: NewName, route: str
) -> None:
    registered = await sign_up(client, new_name())

    answer = await _log_in(client, route, username=registered["user"]["username"])

    body = answer.json()
    assert 200 == answer.status_code
    assert registered.keys() == body.keys()
    assert registered["user"] == body["user"]
    assert registered["session_id"] != body["session_id"]
    for name in ("access_token", "refresh_token"):
        assert claims_of(registered[name])["jti"] != claims_of(body[name])["jti"]
        assert body["session_id"] == claims_of(body[name])["sid"]
    assert int is type(body["expires_at"])


@pytest.mark.parametrize(
    "spell",
    [
        lambda name, _: {"username": name.upper()},
        lambda _, email: {"email": email},
        lambda _, email: {"email": email.upper()},
        lambda _, email: {"username": email.title()},
        lambda name, _: {"username": name, "email": "somebody.else@example.com"},
        lambda name, _: {"username": name, "remember_me": True, "user_id": "x", "role": "admin"},
    ],
)
async def test_any_spelling_of_the_name_or_the_address_opens_the_account(
    client: Client, new_name: NewName, spell: Callable[[str, str], Answer]
) -> None:
    name = new_name()
    await sign_up(client, name, email=f"{name}@example.com")

    answer = await _log_in(client, "dev-login", **spell(name, f"{name}@example.com"))

    assert (200, name) == (answer.status_code, answer.json()["user"]["username"])


async def test_the_last_login_is_that_of_the_newest_session(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    first = await sign_up(client, new_name())
    old = await client.get(f"{AUTH}/me", headers=bearer(first["access_token"]))

    await _log_in(second_worker, username=first["user"]["username"])

    new = await client.get(f"{AUTH}/me", headers=bearer(first["access_token"]))
    assert old.json()["last_login"] < new.json()["last_login"]
    assert (1, 2) == (old.json()["token_count"], new.json()["token_count"])


@pytest.mark.parametrize("route", ["dev-login", "login"])
async def test_an_unknown_user_is_refused(client: Client, new_name: NewName, route: str) -> None:
    by_name = await _log_in(client, route, username=new_name())
    by_address = await _log_in(client, route, email=f"{new_name()}@example.com")

    expect_problem(by_name, 401, "authentication_failed")
    expect_problem(by_address, 401, "authentication_failed")


@pytest.mark.parametrize("route", ["dev-login", "login"])
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ("body.username", "missing")),
        ({"username": None, "email": None}, ("body.username", "missing")),
        ({"password": PASSWORD}, ("body.username", "missing")),
        ({"username": ""}, ("body.username", "too_short")),
        ({"username": "ab"}, ("body.username", "too_short")),
        ({"username": "a" * 51}, ("body.username", "too_long")),
        ({"username": "a b c"}, ("body.username", "alphabet")),
        ({"username": "a\0bcd"}, ("body.username", "alphabet")),
        ({"username": "not@an@address"}, ("body.username", "email")),
        ({"username": "x" * 250 + "@a.de"}, ("body.username", "too_long")),
        ({"email": ""}, ("body.email", "email")),
        ({"email": "nobody"}, ("body.email", "email")),
        ({"email": "a" * 255}, ("body.email", "too_long")),
        ({"username": 5}, ("body.username", "type_error")),
        ({"username": ["a"]}, ("body.username", "type_error")),
        ({"email": {"a": 1}}, ("body.email", "type_error")),
        ({"username": "abc", "password": 5}, ("body.password", "type_error")),
        ({"username": "abc", "password": True}, ("body.password", "type_error")),
    ],
)
async def test_a_login_that_breaks_a_rule_says_which(
    client: Client, route: str, body: Answer, wrong: tuple[str, str]
) -> None:
    assert {wrong} == expect_invalid(await _log_in(client, route, **body))


@pytest.mark.parametrize("route", ["dev-login", "login"])
@pytest.mark.parametrize(
    "tried",
    [
        {},
        {"password": None},
        {"password": ""},
        {"password": "wrong"},
        {"password": PASSWORD + " "},
        {"password": PASSWORD.upper()},
        {"password": "a" * 5000},
    ],
)
async def test_an_account_that_has_a_password_never_opens_without_it_in_development(
    client: Client, new_name: NewName, route: str, tried: Answer
) -> None:
    name = new_name()
    await sign_up(client, name, password=PASSWORD)

    expect_problem(
        await _log_in(client, route, username=name, **tried), 401, "authentication_failed"
    )
    assert 200 == (await _log_in(client, route, username=name, password=PASSWORD)).status_code


@pytest.mark.parametrize("tried", ["", "wrong", PASSWORD + " ", "a" * 5000, "nobody's password"])
async def test_an_account_that_has_a_password_never_opens_without_it_outside_development(
    production: Client, new_name: NewName, tried: str
) -> None:
    name = new_name()
    fresh = {"username": name, "password": PASSWORD}
    assert 201 == (await production.post(f"{AUTH}/register", json=fresh)).status_code

    answer = await _log_in(production, username=name, password=tried)

    expect_problem(answer, 401, "authentication_failed")
    assert 200 == (await _log_in(production, username=name, password=PASSWORD)).status_code


@pytest.mark.parametrize("tried", ["", "wrong", PASSWORD, "nobody's password"])
async def test_an_account_without_a_password_never_opens_outside_development(
    client: Client, production: Client, new_name: NewName, tried: str
) -> None:
    name = new_name()
    await sign_up(client, name)

    answer = await _log_in(production, username=name, password=tried)

    expect_problem(answer, 401, "authentication_failed")


@pytest.mark.parametrize("tried", [{}, {"password": None}])
async def test_outside_development_a_login_needs_a_password_whoever_asks(
    client: Client, production: Client, new_name: NewName, tried: Answer
) -> None:
    known = (await sign_up(client, new_name()))["user"]["username"]

    for name in (known, new_name()):
        answer = await _log_in(production, username=name, **tried)
        assert {("body.password", "missing")} == expect_invalid(answer)


@pytest.mark.sec("SEC-04")
async def test_a_password_is_the_same_composed_and_decomposed_and_no_wider(
    production: Client, new_name: NewName
) -> None:
    name = new_name()
    fresh = {"username": name, "password": "caf\u00e9 au lait \u00e0 Paris"}
    assert 201 == (await production.post(f"{AUTH}/register", json=fresh)).status_code

    decomposed = await _log_in(
        production, username=name, password="cafe\u0301 au lait a\u0300 Paris"
    )
    wide = await _log_in(production, username=name, password="caf\u00e9 au lait \u00e0 \uff30aris")

    assert 200 == decomposed.status_code
    expect_problem(wide, 401, "authentication_failed")


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("status", ["disabled", "pending", "deleted"])
async def test_an_account_that_is_not_active_does_not_open(
    client: Client, database: asyncpg.Connection, new_name: NewName, status: str
) -> None:
    name = new_name()
    await sign_up(client, name)
    await database.execute("UPDATE users SET status = $1 WHERE username = $2", status, name)

    for route in ("dev-login", "login"):
        expect_problem(await _log_in(client, route, username=name), 401, "authentication_failed")


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_the_administrator_of_the_settings_is_made_once_and_opens_by_password_only(
    environ: dict[str, str], database: asyncpg.Connection, new_name: NewName, environment: str
) -> None:
    name = new_name()
    seed = {"ENVIRONMENT": environment, "DASHBOARD_USERNAME": name}
    answers = []
    for password in (PASSWORD, PASSWORD, "a later one, which is not taken over"):
        async with serving(environ | seed | {"DASHBOARD_PASSWORD": password}) as client:
            answers.append(await _log_in(client, username=name, password=PASSWORD))
            without = await _log_in(client, username=name, password="")

    assert [200, 200, 200] == [answer.status_code for answer in answers]
    assert [["admin"]] * 3 == [answer.json()["user"]["roles"] for answer in answers]
    assert answers[0].json()["user"] == answers[2].json()["user"]
    expect_problem(without, 401, "authentication_failed")
    query = "SELECT count(*) FROM users WHERE username = $1"
    assert 1 == await database.fetchval(query, name)


@pytest.mark.parametrize(
    ("change", "told"),
    [("status = 'disabled'", "is disabled"), ("roles = '{user}'", "is not an administrator")],
)
async def test_an_administrator_of_the_settings_who_cannot_act_is_told_of_and_left_alone(
    environ: dict[str, str],
    database: asyncpg.Connection,
    new_name: NewName,
    change: str,
    told: str,
) -> None:
    name = new_name()
    seed = environ | {"DASHBOARD_USERNAME": name, "DASHBOARD_PASSWORD": PASSWORD}
    async with serving(seed):
        pass
    await database.execute(f"UPDATE users SET {change} WHERE username = $1", name)
    before = await database.fetchrow("SELECT * FROM users WHERE username = $1", name)

    with structlog.testing.capture_logs() as logs:
        async with serving(seed):
            pass

    [line] = [line for line in logs if line["event"] == "admin_not_seeded"]
    assert ("critical", f"the user of DASHBOARD_USERNAME {told}") == (
        line["log_level"],
        line["detail"],
    )
    assert before == await database.fetchrow("SELECT * FROM users WHERE username = $1", name)


async def test_two_workers_that_start_at_once_make_one_administrator(
    environ: dict[str, str], database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    seed = environ | {"DASHBOARD_USERNAME": name, "DASHBOARD_PASSWORD": PASSWORD}
    containers = [Container(load_settings(seed)) for _ in range(3)]

    await asyncio.gather(*(container.start() for container in containers))

    for container in containers:
        await container.close()
    query = "SELECT count(*) FROM users WHERE username = $1"
    assert 1 == await database.fetchval(query, name)
