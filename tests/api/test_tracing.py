"""A caller's trace goes on in the events of its request."""

import json
from collections.abc import Callable

import asyncpg
import pytest

from tests.api.asking import AUTH
from tests.serving import Client

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def traces(
    client: Client, database: asyncpg.Connection, name: str, *headers: str
) -> set[str | None]:
    """What the events of a registration with these headers say of their trace."""
    answer = await client.post(
        f"{AUTH}/dev-register",
        json={"username": name},
        headers=[("traceparent", header) for header in headers],
    )
    assert 201 == answer.status_code
    rows = await database.fetch(
        "SELECT payload FROM outbox WHERE payload->>'user_id' = $1",
        answer.json()["user"]["user_id"],
    )
    payloads = [json.loads(row["payload"]) for row in rows]
    assert {"user.created", "user.logged_in"} <= {payload["type"] for payload in payloads}
    return {payload.get("traceparent") for payload in payloads}


async def test_every_event_of_a_request_is_of_its_trace(
    client: Client, database: asyncpg.Connection, new_name: Callable[[], str]
) -> None:
    assert {GOOD} == await traces(client, database, new_name(), GOOD)
    assert {None} == await traces(client, database, new_name())


@pytest.mark.sec("SEC-67", "SEC-71")
async def test_nothing_but_a_trace_gets_in(
    client: Client, database: asyncpg.Connection, new_name: Callable[[], str]
) -> None:
    for headers in (("john.doe@example.com",), (GOOD, GOOD), (f"{GOOD}-canary",)):
        assert {None} == await traces(client, database, new_name(), *headers)
