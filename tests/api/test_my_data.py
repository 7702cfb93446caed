"""GET /me/export."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.api.asking import AUTH, PASSWORD, expect_problem, sign_up
from tests.serving import Client, bearer

NewName = Callable[[], str]


@pytest.mark.sec("SEC-71")
async def test_an_export_is_one_document_of_all_that_is_stored(
    client: Client, new_name: NewName
) -> None:
    name = new_name()
    signed_in = await sign_up(client, name, password=PASSWORD)

    answer = await client.get(f"{AUTH}/me/export", headers=bearer(signed_in["access_token"]))

    assert 200 == answer.status_code
    assert "application/json" == answer.headers["content-type"]
    assert "no-store" == answer.headers["cache-control"]
    assert 'attachment; filename="my-data.json"' == answer.headers["content-disposition"]
    document = answer.json()
    assert {"schema_version", "generated_at", "user_id", "records", "truncated"} == set(document)
    assert (1, signed_in["user"]["user_id"], []) == tuple(
        document[member] for member in ("schema_version", "user_id", "truncated")
    )
    assert document["generated_at"].endswith("+00:00")
    records = document["records"]
    assert name == records["users"][0]["username"]
    assert signed_in["user"]["created_at"] == records["users"][0]["created_at"]
    assert "present" == records["password_credentials"][0]["password_hash"]
    assert [signed_in["session_id"]] == [session["id"] for session in records["sessions"]]
    assert {"user.created", "user.logged_in", "session.created"} == {
        event["payload"]["type"] for event in records["outbox"]
    }
    assert "$argon2" not in answer.text
    assert datetime.fromisoformat(records["sessions"][0]["last_used_at"]).tzinfo


@pytest.mark.sec("SEC-55", "SEC-71")
async def test_an_export_has_nothing_of_anybody_else(client: Client, new_name: NewName) -> None:
    me, other = new_name(), new_name()
    await sign_up(client, other)
    token = (await sign_up(client, me))["access_token"]

    answer = await client.get(f"{AUTH}/me/export?user_id=1", headers=bearer(token))

    assert me in answer.text
    assert other not in answer.text


async def test_an_export_needs_a_token(client: Client) -> None:
    expect_problem(await client.get(f"{AUTH}/me/export"), 401, "authentication_required")
    answer = await client.get(f"{AUTH}/me/export", headers=bearer("x"))
    expect_problem(answer, 401, "invalid_token")
