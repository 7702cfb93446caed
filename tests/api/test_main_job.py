"""Register, log in, read yourself, log out."""

from collections.abc import Callable

import pytest

from tests.serving import Client, bearer


async def test_a_person_registers_logs_in_reads_themselves_and_logs_out(
    client: Client, second_worker: Client, new_name: Callable[[], str]
) -> None:
    name = new_name()
    registered = await client.post(
        "/api/v1/auth/dev-register",
        json={"username": name.upper(), "display_name": "John Doe"},
    )
    assert 201 == registered.status_code
    login = await client.post("/api/v1/auth/dev-login", json={"username": name})
    assert 200 == login.status_code
    token = login.json()["access_token"]

    me = await client.get("/api/v1/auth/me", headers=bearer(token))

    assert 200 == me.status_code
    assert (name, "John Doe", 2) == tuple(
        me.json()[field] for field in ("username", "display_name", "token_count")
    )
    assert 200 == (await second_worker.get("/api/v1/auth/me", headers=bearer(token))).status_code

    out = await client.post("/api/v1/auth/logout", headers=bearer(token))

    assert {
        "message": "Logged out successfully",
        "revoked_tokens": 1,
        "revoked": True,
    } == out.json()
    for worker in (client, second_worker):
        refused = await worker.get("/api/v1/auth/me", headers=bearer(token))
        assert (401, "invalid_token") == (refused.status_code, refused.json()["code"])


@pytest.mark.sec("SEC-29")
async def test_all_sessions_ended_is_told_only_when_true(
    client: Client, new_name: Callable[[], str]
) -> None:
    registered = await client.post("/api/v1/auth/dev-register", json={"username": new_name()})

    out = await client.post(
        "/api/v1/auth/logout", headers=bearer(registered.json()["access_token"])
    )

    assert out.json()["all_sessions_ended"] is True
