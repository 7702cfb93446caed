"""POST /refresh over HTTP."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.api.asking import (
    AUTH,
    USER,
    ask_at_once,
    claims_of,
    expect_invalid,
    expect_problem,
    header_of,
    sign_up,
)
from tests.serving import Client, bearer

NewName = Callable[[], str]


async def refresh(client: Client, token: str) -> dict[str, Any]:
    answer = await client.post(f"{AUTH}/refresh", json={"refresh_token": token})
    assert 200 == answer.status_code, answer.text
    return dict(answer.json())


async def test_the_answer_is_a_whole_token_answer(client: Client, new_name: NewName) -> None:
    tokens = await sign_up(client, new_name())

    answer = await client.post(
        f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"], "an": "extra"}
    )

    body = answer.json()
    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
    assert set(tokens) == set(body)
    assert "bearer" == body["token_type"]
    assert USER == {name: type(value) for name, value in body["user"].items()}
    assert tokens["user"] == body["user"]
    assert tokens["session_id"] == body["session_id"]
    assert tokens["refresh_token"] != body["refresh_token"]
    access, renewed = claims_of(body["access_token"]), claims_of(body["refresh_token"])
    assert body["expires_in"] == access["exp"] - access["iat"]
    assert body["expires_at"] == access["exp"] * 1000
    assert abs(7 * 86_400 - body["refresh_expires_in"]) <= 1
    assert ("refresh", 1, "rt+jwt") == (
        renewed["type"],
        renewed["ctr"],
        header_of(body["refresh_token"])["typ"],
    )
    me = await client.get(f"{AUTH}/me", headers=bearer(body["access_token"]))
    assert 200 == me.status_code


@pytest.mark.sec("SEC-31")
async def test_twenty_at_once_on_two_workers_get_one_token(
    client: Client, second_worker: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    tokens = await sign_up(client, new_name())

    answers = await ask_at_once(
        (client, second_worker),
        "POST",
        f"{AUTH}/refresh",
        [{"refresh_token": tokens["refresh_token"]} for _ in range(20)],
    )

    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["refresh_token"] for answer in answers})
    for answer in answers:
        me = await client.get(f"{AUTH}/me", headers=bearer(answer.json()["access_token"]))
        assert 200 == me.status_code
    counter = "SELECT refresh_counter FROM sessions WHERE id = $1"
    assert 1 == await database.fetchval(counter, UUID(tokens["session_id"]))
    await refresh(second_worker, answers[0].json()["refresh_token"])


@pytest.mark.sec("SEC-30", "SEC-66")
async def test_a_stolen_token_ends_the_session_with_a_record_and_events(
    client: Client, second_worker: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    tokens = await sign_up(client, new_name())
    second = await refresh(client, tokens["refresh_token"])
    third = await refresh(second_worker, second["refresh_token"])
    session_id = UUID(tokens["session_id"])
    # the window is over: as if it had all happened a minute ago
    await database.execute(
        "UPDATE sessions SET recent_rotations = ARRAY(SELECT moment - interval '1 minute'"
        " FROM unnest(recent_rotations) AS moment) WHERE id = $1",
        session_id,
    )

    stolen = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})

    body = expect_problem(stolen, 401, "invalid_refresh_token")
    assert tokens["refresh_token"] not in json.dumps(body)
    for worker in (client, second_worker):
        answer = await worker.get(f"{AUTH}/me", headers=bearer(third["access_token"]))
        expect_problem(answer, 401, "invalid_token")
        answer = await worker.post(
            f"{AUTH}/refresh", json={"refresh_token": third["refresh_token"]}
        )
        expect_problem(answer, 401, "invalid_refresh_token")
    events = await database.fetch(
        "SELECT type, payload FROM outbox WHERE payload->>'session_id' = $1 ORDER BY position",
        str(session_id),
    )
    assert ["session.reuse_detected", "session.revoked"] == [row["type"] for row in events][-2:]
    assert "superseded_token" == json.loads(events[-2]["payload"])["cause"]
    [record] = await database.fetch(
        "SELECT action, reason FROM audit_records"
        " WHERE session_id = $1 AND action <> 'sign_in:succeeded'",
        session_id,
    )
    assert ("session:reuse_detected", "superseded_token") == tuple(record)


async def test_a_logout_ends_the_refresh_token(client: Client, new_name: NewName) -> None:
    tokens = await sign_up(client, new_name())
    await client.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"]))

    answer = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})

    expect_problem(answer, 401, "invalid_refresh_token")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\u0000", "é", "x" * 5000])
async def test_what_is_no_refresh_token_is_401(client: Client, token: str) -> None:
    answer = await client.post(f"{AUTH}/refresh", json={"refresh_token": token})

    expect_problem(answer, 401, "invalid_refresh_token")


@pytest.mark.sec("SEC-28")
async def test_an_access_token_does_not_refresh(client: Client, new_name: NewName) -> None:
    tokens = await sign_up(client, new_name())

    answer = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["access_token"]})

    expect_problem(answer, 401, "invalid_refresh_token")


async def test_a_body_without_a_token_is_422(client: Client) -> None:
    answer = await client.post(f"{AUTH}/refresh", json={})

    assert {("body.refresh_token", "missing")} == expect_invalid(answer)


async def test_it_works_in_production_without_a_bearer_token(
    production: Client, client: Client, new_name: NewName
) -> None:
    tokens = await sign_up(client, new_name())

    assert await refresh(production, tokens["refresh_token"])
