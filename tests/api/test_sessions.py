"""POST /logout, its alias, and POST /dev/revoke-all-tokens."""

from collections.abc import Callable
from uuid import UUID

import asyncpg
import pytest

from tests.api.asking import AUTH, ask_at_once, expect_problem, sign_up
from tests.serving import Client, bearer

NewName = Callable[[], str]

LOGOUTS = (f"{AUTH}/logout", "/v1/auth/logout")


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("path", LOGOUTS)
async def test_logging_out_ends_the_access_token_on_every_worker_at_once(
    client: Client, second_worker: Client, new_name: NewName, path: str
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]
    for worker in (client, second_worker):  # both hold the session as valid now
        assert 200 == (await worker.get(f"{AUTH}/me", headers=bearer(token))).status_code

    answer = await client.post(path, headers=bearer(token))

    assert (200, "Logged out successfully") == (answer.status_code, answer.json()["message"])
    for worker in (second_worker, client):
        for route in ("me", "me/available-scopes"):
            refused = await worker.get(f"{AUTH}/{route}", headers=bearer(token))
            expect_problem(refused, 401, "invalid_token")


@pytest.mark.parametrize("path", LOGOUTS)
async def test_logging_out_ends_the_session_of_the_refresh_token(
    client: Client, database: asyncpg.Connection, new_name: NewName, path: str
) -> None:
    tokens = await sign_up(client, new_name())

    await client.post(path, headers=bearer(tokens["access_token"]))

    session = await database.fetchrow(
        "SELECT ended_at, end_reason FROM sessions WHERE id = $1", UUID(tokens["session_id"])
    )
    assert "logout" == session["end_reason"]
    assert session["ended_at"] is not None


@pytest.mark.parametrize("path", LOGOUTS)
async def test_the_answer_to_the_last_logout_says_that_all_sessions_ended(
    client: Client, new_name: NewName, path: str
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    answer = await client.post(path, headers=bearer(token))

    assert {
        "message": "Logged out successfully",
        "revoked_tokens": 1,
        "revoked": True,
        "all_sessions_ended": True,
    } == answer.json()


async def test_one_of_two_sessions_ends_and_the_other_stays(
    client: Client, new_name: NewName
) -> None:
    name = new_name()
    one = (await sign_up(client, name))["access_token"]
    other = (await client.post(f"{AUTH}/dev-login", json={"username": name})).json()["access_token"]

    answer = await client.post(f"{AUTH}/logout", headers=bearer(one))

    assert {
        "message": "Logged out successfully",
        "revoked_tokens": 1,
        "revoked": True,
    } == answer.json()
    me = await client.get(f"{AUTH}/me", headers=bearer(other))
    assert (200, 1) == (me.status_code, me.json()["token_count"])


async def test_a_second_logout_is_refused(client: Client, new_name: NewName) -> None:
    token = (await sign_up(client, new_name()))["access_token"]
    await client.post(f"{AUTH}/logout", headers=bearer(token))

    expect_problem(await client.post(f"{AUTH}/logout", headers=bearer(token)), 401, "invalid_token")


async def test_of_many_logouts_at_once_one_ends_the_session_and_none_fails(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    answers = await ask_at_once(
        (client, second_worker), "POST", f"{AUTH}/logout", [bearer(token) for _ in range(10)]
    )

    ended = [a.json()["revoked_tokens"] for a in answers if a.status_code == 200]
    assert 1 == sum(ended)
    for answer in answers:
        if answer.status_code != 200:
            expect_problem(answer, 401, "invalid_token")


@pytest.mark.parametrize("path", [*LOGOUTS, f"{AUTH}/dev/revoke-all-tokens"])
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", None),
        (b"{}", "application/json"),
        (b'{"refresh_token": "x"}', "application/json"),
        (b"not json", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
    ],
)
async def test_whatever_an_older_client_sends_along_is_ignored(
    client: Client, new_name: NewName, path: str, content: bytes, content_type: str | None
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]
    headers = bearer(token) | ({"Content-Type": content_type} if content_type else {})

    assert 200 == (await client.post(path, content=content, headers=headers)).status_code


@pytest.mark.parametrize("path", [*LOGOUTS, f"{AUTH}/dev/revoke-all-tokens"])
async def test_ending_a_session_needs_a_token(client: Client, path: str) -> None:
    expect_problem(await client.post(path), 401, "authentication_required")
    expect_problem(await client.post(path, headers=bearer("x.y.z")), 401, "invalid_token")


@pytest.mark.sec("SEC-29")
async def test_revoking_all_ends_every_session_of_the_user_and_nobody_elses(
    client: Client, second_worker: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name, neighbour = new_name(), (await sign_up(client, new_name()))["access_token"]
    tokens = [(await sign_up(client, name))["access_token"]]
    for worker in (client, second_worker):
        login = await worker.post(f"{AUTH}/dev-login", json={"username": name})
        tokens.append(login.json()["access_token"])

    answer = await client.post(f"{AUTH}/dev/revoke-all-tokens", headers=bearer(tokens[1]))

    assert {
        "message": "Revoked the tokens of 3 sessions",
        "revoked_tokens": 3,
    } == answer.json()
    for token in tokens:
        for worker in (client, second_worker):
            refused = await worker.get(f"{AUTH}/me", headers=bearer(token))
            expect_problem(refused, 401, "invalid_token")
    live = """
        SELECT count(*) FROM sessions JOIN users ON users.id = user_id
        WHERE username = $1 AND ended_at IS NULL
    """
    assert 0 == await database.fetchval(live, name)
    assert 200 == (await client.get(f"{AUTH}/me", headers=bearer(neighbour))).status_code


async def test_a_user_who_revoked_everything_can_log_in_again(
    client: Client, new_name: NewName
) -> None:
    name = new_name()
    token = (await sign_up(client, name))["access_token"]
    await client.post(f"{AUTH}/dev/revoke-all-tokens", headers=bearer(token))

    again = await client.post(f"{AUTH}/dev-login", json={"username": name})

    fresh = bearer(again.json()["access_token"])
    assert 1 == (await client.get(f"{AUTH}/me", headers=fresh)).json()["token_count"]
