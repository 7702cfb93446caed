"""Sensitive requests need a recent sign-in (SEC-24, RFC 9470)."""

import re
from typing import Any

import httpx
import pytest

from tests.api.asking import AUTH, PASSWORD, claims_of, expect_invalid, expect_problem, sign_up
from tests.api.people import USERS, People, Person
from tests.serving import Client, bearer

pytestmark = pytest.mark.sec("SEC-24")


def sensitive(one: Person) -> list[tuple[str, str, dict[str, Any] | None]]:
    return [
        ("POST", USERS, {"username": "somebody.new"}),
        ("PATCH", f"{USERS}/{one.id}", {"roles": ["admin"]}),
        ("DELETE", f"{USERS}/{one.id}", None),
        ("POST", f"{USERS}/{one.id}/restore", None),
        ("POST", f"{USERS}/{one.id}/impersonate", {"reason": "ticket 4711"}),
    ]


def expect_challenge(answer: httpx.Response) -> None:
    expect_problem(answer, 401, "insufficient_user_authentication")
    challenge = answer.headers["www-authenticate"]
    assert re.fullmatch(
        r'Bearer realm="[a-z-]+", error="insufficient_user_authentication", '
        r'error_description="[^"\\]+", max_age="900"',
        challenge,
    )


async def test_an_old_sign_in_is_challenged_and_a_password_heals_it(
    client: Client, second_worker: Client, people: People
) -> None:
    admin, one = await people.admin(), await people.user()
    await people.long_ago(admin)
    for method, path, body in sensitive(one):
        expect_challenge(await client.request(method, path, json=body, headers=admin.token))
    assert 200 == (await client.get(USERS, headers=admin.token)).status_code

    proved = await client.post(
        f"{AUTH}/reauthenticate", json={"password": PASSWORD}, headers=admin.token
    )

    assert (200, admin.session_id) == (proved.status_code, proved.json()["session_id"])
    assert set(admin.tokens) == set(proved.json())
    assert (
        claims_of(admin.tokens["access_token"])["jti"]
        != (claims_of(proved.json()["access_token"])["jti"])
    )
    for token in (admin.token, bearer(proved.json()["access_token"])):
        answer = await second_worker.patch(
            f"{USERS}/{one.id}", json={"roles": ["user"]}, headers=token
        )
        assert 200 == answer.status_code
    refreshed = await client.post(
        f"{AUTH}/refresh", json={"refresh_token": proved.json()["refresh_token"]}
    )
    assert 200 == refreshed.status_code


async def test_a_refresh_makes_nothing_recent(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    await people.long_ago(admin)
    answer = await client.post(
        f"{AUTH}/refresh", json={"refresh_token": admin.tokens["refresh_token"]}
    )

    token = bearer(answer.json()["access_token"])
    for method, path, body in sensitive(one):
        expect_challenge(await client.request(method, path, json=body, headers=token))


async def test_a_wrong_password_heals_nothing(client: Client, people: People) -> None:
    admin, one = await people.admin(), await people.user()
    await people.long_ago(admin)
    for password in ("wrong", "", "a" * 2000):
        body = {"password": password}
        answer = await client.post(f"{AUTH}/reauthenticate", json=body, headers=admin.token)
        expect_problem(answer, 401, "authentication_failed")

    method, path, changes = sensitive(one)[1]
    expect_challenge(await client.request(method, path, json=changes, headers=admin.token))


async def test_an_account_without_a_password_logs_in_again_instead(
    client: Client, people: People
) -> None:
    """In development only: there are none elsewhere."""
    one = await people.user()
    old = Person(await sign_up(client, f"dev-{one.name}"))
    await people.long_ago(old)
    method, path, body = sensitive(one)[1]
    expect_challenge(await client.request(method, path, json=body, headers=old.token))
    refused = await client.post(
        f"{AUTH}/reauthenticate", json={"password": PASSWORD}, headers=old.token
    )
    expect_problem(refused, 401, "authentication_failed")

    login = await client.post(f"{AUTH}/dev-login", json={"username": old.name})

    token = bearer(login.json()["access_token"])
    done = await client.request(method, path, json=body, headers=token)
    assert 200 == done.status_code, done.text


@pytest.mark.sec("SEC-54")
async def test_the_password_alone_is_asked_for(client: Client, people: People) -> None:
    one = await people.user()

    for body, wrong in (
        ({}, {("body.password", "missing")}),
        ({"password": None}, {("body.password", "type_error")}),
        ({"password": PASSWORD, "session_id": one.session_id}, None),
    ):
        answer = await client.post(f"{AUTH}/reauthenticate", json=body, headers=one.token)
        invalid = expect_invalid(answer)
        assert wrong is None or wrong == invalid


async def test_nobody_proves_anything_without_a_token(client: Client) -> None:
    answer = await client.post(f"{AUTH}/reauthenticate", json={"password": PASSWORD})

    expect_problem(answer, 401, "authentication_required")
