"""Sessions that a registered client begins: it alone can refresh them (SEC-34)."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.api.asking import AUTH, PASSWORD, expect_problem
from tests.api.registered_clients import OTHER_SECRET, REGISTERED, SECRET, basic
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]
ROUTES = ["register", "login", "dev-register", "dev-login"]
OTHER = basic("verifier", OTHER_SECRET)


@pytest.fixture(scope="module")
async def worker(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker that knows some callers."""
    async with serving(environ | REGISTERED) as client:
        yield client


async def sign_in(
    worker: Client, name: str, headers: dict[str, str], route: str = "dev-register"
) -> httpx.Response:
    body = {"username": name, "password": PASSWORD}
    if route.endswith("login"):
        assert 201 == (await worker.post(f"{AUTH}/register", json=body)).status_code
    return await worker.post(f"{AUTH}/{route}", json=body, headers=headers)


async def refresh(worker: Client, token: str, headers: dict[str, str]) -> httpx.Response:
    return await worker.post(f"{AUTH}/refresh", json={"refresh_token": token}, headers=headers)


async def bound(worker: Client, name: str) -> dict[str, Any]:
    answer = await sign_in(worker, name, basic())
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("route", ROUTES)
async def test_a_client_that_says_who_it_is_binds_the_session_to_itself(
    worker: Client, database: asyncpg.Connection, new_name: NewName, route: str
) -> None:
    answer = await sign_in(worker, new_name(), basic(), route)

    tokens = answer.json()
    stored = "SELECT client_id FROM sessions WHERE id = $1"
    assert "gateway" == await database.fetchval(stored, UUID(tokens["session_id"]))
    listed = await worker.get(f"{AUTH}/sessions", headers=bearer(tokens["access_token"]))
    [current] = [one for one in listed.json()["items"] if one["current"]]
    assert "gateway" == current["client_id"]


@pytest.mark.sec("SEC-34")
async def test_only_the_client_of_a_session_refreshes_it(worker: Client, new_name: NewName) -> None:
    tokens = await bound(worker, new_name())
    first = tokens["refresh_token"]

    for headers in ({}, OTHER, bearer(tokens["access_token"])):
        refused = await refresh(worker, first, headers)
        expect_problem(refused, 401, "invalid_refresh_token")
    renewed = await refresh(worker, first, basic())
    assert 200 == renewed.status_code
    newest = renewed.json()["refresh_token"]
    for headers in ({}, OTHER):  # a used-up token in foreign hands does no harm either
        expect_problem(await refresh(worker, first, headers), 401, "invalid_refresh_token")

    assert 200 == (await refresh(worker, newest, basic())).status_code
    me = await worker.get(f"{AUTH}/me", headers=bearer(tokens["access_token"]))
    assert 200 == me.status_code


@pytest.mark.sec("SEC-34")
async def test_a_session_of_nobody_is_refreshed_by_nobody_in_particular(
    worker: Client, new_name: NewName
) -> None:
    tokens = (await sign_in(worker, new_name(), {})).json()

    refused = await refresh(worker, tokens["refresh_token"], basic())
    expect_problem(refused, 401, "invalid_refresh_token")

    # old clients send whatever token they have
    for headers in ({}, bearer(tokens["access_token"]), bearer("stale"), {"Authorization": "x"}):
        answer = await refresh(worker, tokens["refresh_token"], headers)
        assert 200 == answer.status_code


@pytest.mark.sec("SEC-30", "SEC-34")
async def test_a_stolen_token_of_a_bound_session_is_theft_with_the_credentials_of_its_client(
    worker: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    tokens = await bound(worker, new_name())
    second = (await refresh(worker, tokens["refresh_token"], basic())).json()["refresh_token"]
    third = (await refresh(worker, second, basic())).json()["refresh_token"]
    await database.execute(
        "UPDATE sessions SET recent_rotations = ARRAY(SELECT moment - interval '1 minute'"
        " FROM unnest(recent_rotations) AS moment) WHERE id = $1",
        UUID(tokens["session_id"]),
    )

    stolen = await refresh(worker, tokens["refresh_token"], basic())

    expect_problem(stolen, 401, "invalid_refresh_token")
    expect_problem(await refresh(worker, third, basic()), 401, "invalid_refresh_token")


@pytest.mark.sec("SEC-44")
@pytest.mark.parametrize("route", [*ROUTES, "refresh"])
@pytest.mark.parametrize(
    "headers",
    [basic(client_secret="wrong"), basic("nobody"), {"Authorization": "Basic !!!"}],
    ids=["wrong secret", "unknown client", "no credentials"],
)
async def test_wrong_credentials_of_a_client_are_refused_and_begin_nothing(
    worker: Client,
    database: asyncpg.Connection,
    new_name: NewName,
    route: str,
    headers: dict[str, str],
) -> None:
    name = new_name()
    if route == "refresh":
        tokens = await bound(worker, name)
        refused = await refresh(worker, tokens["refresh_token"], headers)
        again = await refresh(worker, tokens["refresh_token"], basic())
        assert 200 == again.status_code
    else:
        refused = await sign_in(worker, name, headers, route)
        if route.endswith("register"):
            assert 0 == await database.fetchval(
                "SELECT count(*) FROM users WHERE username = $1", name
            )

    body = expect_problem(refused, 401, "invalid_client")
    assert "invalid_client" == body["error"]
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert SECRET not in refused.text
