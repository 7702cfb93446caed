"""Passwords over HTTP: reasons, back-off, the end, forced changes, hashes from elsewhere."""

from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.asking import AUTH, PASSWORD, expect_problem
from tests.serving import Client, bearer

NewName = Callable[[], str]

# of "correct horse battery staple", cost 4
BCRYPT = "$2b$04$fRy8WKPPck/I4o04hn5ScuSCkrtoZIYD.BEKQTfJbAYgi36fHQ/Ri"


async def register(client: Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{AUTH}/register", json={"username": name, "password": password})


async def log_in(client: Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{AUTH}/login", json={"username": name, "password": password})


def comparable(answer: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    own = {"x-request-id", "x-correlation-id"}
    return (
        answer.status_code,
        body,
        {name: value for name, value in answer.headers.items() if name not in own},
    )


async def stored(database: asyncpg.Connection, name: str) -> asyncpg.Record:
    row = await database.fetchrow(
        "SELECT c.* FROM password_credentials c JOIN users u ON u.id = c.user_id"
        " WHERE u.username = $1",
        name,
    )
    assert row is not None
    return row


async def change(database: asyncpg.Connection, name: str, **values: object) -> None:
    for column, value in values.items():
        await database.execute(
            f"UPDATE password_credentials SET {column} = $1"
            " WHERE user_id = (SELECT id FROM users WHERE username = $2)",
            value,
            name,
        )


@pytest.mark.sec("SEC-05", "SEC-06")
@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("password1234567", "common"),
        ("qwertyuiopasdfgh", "pattern"),
        ("NAME-and-1234567890", "personal"),
        ("faultmaven 2026!", "personal"),
    ],
)
async def test_a_guessable_password_is_refused_with_its_reason(
    production: Client, new_name: NewName, password: str, kind: str
) -> None:
    name = new_name()

    answer = await register(production, name, password.replace("NAME", name))

    problem = expect_problem(answer, 422, "validation_failed")
    assert [(["body", "password"], kind)] == [
        (error["loc"], error["type"]) for error in problem["errors"]
    ]
    assert "composition" not in answer.text


@pytest.mark.sec("SEC-01", "SEC-11", "SEC-12")
async def test_backing_off_and_disabled_look_like_an_unknown_name_and_sessions_live_on(
    production: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    token = (await register(production, name)).json()["access_token"]
    unknown = comparable(await log_in(production, new_name()))
    for _ in range(5):
        assert unknown == comparable(await log_in(production, name, "a wrong password"))

    assert unknown == comparable(await log_in(production, name))
    assert 5 == (await stored(database, name))["consecutive_failures"]
    await change(database, name, consecutive_failures=99, last_failed_at=None)
    assert unknown == comparable(await log_in(production, name, "a wrong password"))
    row = await stored(database, name)
    assert (100, True) == (row["consecutive_failures"], row["disabled_at"] is not None)
    await change(database, name, last_failed_at=None)
    assert unknown == comparable(await log_in(production, name))

    me = await production.get(f"{AUTH}/me", headers=bearer(token))
    assert 200 == me.status_code
    actions = await database.fetch(
        "SELECT action, count(*) FROM audit_records WHERE user_id = $1 GROUP BY action",
        row["user_id"],
    )
    left = {"sign_in:succeeded": 1, "sign_in:failed": 5, "password:disabled": 1}
    assert left == dict(actions)


@pytest.mark.sec("SEC-11", "SEC-13")
async def test_failures_are_counted_across_workers(
    environ: dict[str, str],
    client: Client,
    second_worker: Client,
    database: asyncpg.Connection,
    new_name: NewName,
) -> None:
    name = new_name()
    assert 201 == (await register(client, name)).status_code

    for worker in (client, second_worker) * 2:
        assert 401 == (await log_in(worker, name, "a wrong password")).status_code

    assert 4 == (await stored(database, name))["consecutive_failures"]
    assert 200 == (await log_in(second_worker, name)).status_code
    assert 0 == (await stored(database, name))["consecutive_failures"]


async def test_a_password_that_must_be_changed_says_so_to_its_owner(
    production: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    assert 201 == (await register(production, name)).status_code
    await change(database, name, must_change=True)

    wrong = await log_in(production, name, "a wrong password")
    right = await log_in(production, name)

    expect_problem(wrong, 401, "authentication_failed")
    expect_problem(right, 403, "password_change_required")


@pytest.mark.sec("SEC-07")
async def test_a_hash_from_elsewhere_opens_once_and_is_ours_from_then_on(
    production: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    assert 201 == (await register(production, name, "quite another password")).status_code
    await change(database, name, password_hash=BCRYPT)

    assert 401 == (await log_in(production, name, f"{PASSWORD}?")).status_code
    assert BCRYPT == (await stored(database, name))["password_hash"]
    assert 200 == (await log_in(production, name)).status_code

    upgraded = (await stored(database, name))["password_hash"]
    assert upgraded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert 200 == (await log_in(production, name)).status_code
    assert upgraded == (await stored(database, name))["password_hash"]
