"""POST /dev-register and /register."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.api.asking import (
    AUTH,
    PASSWORD,
    USER,
    ask_at_once,
    claims_of,
    expect_invalid,
    expect_problem,
    header_of,
    sign_up,
)
from tests.serving import Client, bearer

TOKENS = {
    "access_token": str,
    "token_type": str,
    "expires_in": int,
    "expires_at": int,
    "refresh_token": str,
    "refresh_expires_in": int,
    "session_id": str,
    "user": dict,
}
NewName = Callable[[], str]


async def _register(client: Client, route: str, **body: Any) -> Any:
    return await client.post(f"{AUTH}/{route}", json=body)


def _types(body: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in body.items()}


@pytest.mark.parametrize("route", ["dev-register", "register"])
async def test_registering_answers_with_tokens_exactly_as_the_contract_says(
    client: Client, new_name: NewName, route: str
) -> None:
    answer = await _register(client, route, username=new_name())

    body = answer.json()
    assert 201 == answer.status_code
    assert TOKENS == _types(body)
    assert USER == _types(body["user"])
    assert "bearer" == body["token_type"]


async def test_the_times_of_a_token_answer_are_those_of_its_tokens(
    client: Client, new_name: NewName
) -> None:
    body = await sign_up(client, new_name())

    access, refresh = claims_of(body["access_token"]), claims_of(body["refresh_token"])
    assert 86400 == body["expires_in"] == access["exp"] - access["iat"]
    assert access["exp"] * 1000 == body["expires_at"]
    assert 7 * 86400 - 1 <= body["refresh_expires_in"] <= 7 * 86400
    assert refresh["exp"] - refresh["iat"] == body["refresh_expires_in"]


async def test_the_access_token_has_the_header_and_claims_of_the_contract(
    client: Client, new_name: NewName
) -> None:
    body = await sign_up(client, new_name())

    header, claims = header_of(body["access_token"]), claims_of(body["access_token"])
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert {"alg": "RS256", "kid": keys[0]["kid"], "typ": "at+jwt"} == header
    assert {
        "sub": body["user"]["user_id"],
        "iss": "https://auth.faultmaven.ai",
        "aud": "faultmaven-api",
        "iat": claims["iat"],
        "exp": claims["iat"] + 86400,
        "jti": str(UUID(claims["jti"])),
        "sid": body["session_id"],
        "type": "access",
        "username": body["user"]["username"],
        "email": body["user"]["email"],
        "email_verified": False,
        "roles": ["admin"],
        "scopes": ["personal", "global"],
        "organization_id": None,
        "auth_mode": "local",
    } == claims


async def test_the_refresh_token_is_a_jwt_of_another_type_whose_expiry_can_be_read(
    client: Client, new_name: NewName
) -> None:
    body = await sign_up(client, new_name())

    header, claims = header_of(body["refresh_token"]), claims_of(body["refresh_token"])
    assert ("rt+jwt", "refresh") == (header["typ"], claims["type"])
    assert body["session_id"] == claims["sid"]
    assert int is type(claims["exp"])


async def test_timestamps_are_iso_8601_with_a_zero_offset(
    client: Client, new_name: NewName
) -> None:
    created_at = (await sign_up(client, new_name()))["user"]["created_at"]

    assert created_at.endswith("+00:00")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(created_at)).total_seconds() < 60  # noqa: TID251


async def test_a_person_who_gives_only_a_name_gets_an_address_and_a_display_name(
    client: Client, new_name: NewName
) -> None:
    name = new_name()

    user = (await sign_up(client, f"{name}.doe_x"))["user"]

    assert f"{name}.doe_x@dev.faultmaven.local" == user["email"]
    assert f"{name.replace('-', ' ').title()} Doe X" == user["display_name"].title()


async def test_a_name_that_is_an_address_is_the_address_of_the_account(
    client: Client, new_name: NewName
) -> None:
    name = f"{new_name()[:12]}.Roe@Example.COM"

    user = (await sign_up(client, name))["user"]

    assert (name.lower(), name.lower()) == (user["username"], user["email"])
    assert user["display_name"].endswith(" Roe")


async def test_names_and_addresses_are_lower_cased_and_the_display_name_stays(
    client: Client, new_name: NewName
) -> None:
    name = new_name()

    user = (
        await sign_up(
            client, name.upper(), email=f"{name.upper()}@Example.Com", display_name="Ångström Ü"
        )
    )["user"]

    assert name == user["username"]
    assert f"{name}@example.com" == user["email"]
    assert "Ångström Ü" == user["display_name"]


@pytest.mark.parametrize("empty", [{"email": None}, {"display_name": None}, {"display_name": " "}])
async def test_an_optional_field_may_be_null_or_blank(
    client: Client, new_name: NewName, empty: dict[str, Any]
) -> None:
    user = (await sign_up(client, new_name(), **empty))["user"]

    assert f"{user['username']}@dev.faultmaven.local" == user["email"]
    assert user["display_name"].strip()


@pytest.mark.sec("SEC-54")
@pytest.mark.parametrize(
    ("worker", "development"), [("client", True), ("production", False)], indirect=["worker"]
)
async def test_fields_that_the_server_decides_never_take_effect(
    worker: Client, database: asyncpg.Connection, new_name: NewName, *, development: bool
) -> None:
    mine = "00000000-0000-7000-8000-000000000000"
    greedy = {
        "is_admin": True,
        "verified": True,
        "email_verified": True,
        "tenant_id": mine,
        "organization_id": mine,
        "user_id": mine,
        "id": mine,
        "role": "platform_admin",
        "roles": ["platform_admin"],
        "scopes": ["team"],
        "created_at": "2001-01-01T00:00:00+00:00",
        "status": "pending",
        "is_active": False,
        "is_dev_user": not development,
        "version": 99,
        "extra": {"from": ["an", "older", "client"]},
    }

    answer = await _register(worker, "register", username=new_name(), password=PASSWORD, **greedy)

    assert 201 == answer.status_code
    user = answer.json()["user"]
    row = await database.fetchrow("SELECT * FROM users WHERE username = $1", user["username"])
    assert (["admin"] if development else ["user"]) == user["roles"] == row["roles"]
    assert development == user["is_admin"] == user["is_dev_user"] == row["is_dev_user"]
    assert (True, "active", False, None, 1) == (
        user["is_active"],
        row["status"],
        row["email_verified"],
        row["organization_id"],
        row["version"],
    )
    assert mine != user["user_id"]
    assert not user["created_at"].startswith("2001")


async def test_a_taken_name_is_refused_in_any_spelling(client: Client, new_name: NewName) -> None:
    name = new_name()
    await sign_up(client, name)

    for spelling in (name, name.upper(), _wide(name)):
        answer = await _register(
            client, "dev-register", username=spelling, email=f"{new_name()}@example.com"
        )
        expect_problem(answer, 409, "username_taken")


async def test_a_taken_address_is_refused_in_any_spelling(
    client: Client, new_name: NewName
) -> None:
    address = f"{new_name()}@example.com"
    await sign_up(client, new_name(), email=address)

    for spelling in (address, address.upper(), _wide(address)):
        answer = await _register(client, "dev-register", username=new_name(), email=spelling)
        expect_problem(answer, 409, "email_taken")


async def test_nobody_gets_a_name_that_is_the_address_of_another(
    client: Client, new_name: NewName
) -> None:
    address = f"{new_name()}@example.com"
    await sign_up(client, new_name(), email=address)

    expect_problem(await _register(client, "dev-register", username=address), 409, "email_taken")
    elsewhere = await _register(
        client, "dev-register", username=f"x{address}", email=f"{new_name()}@example.com"
    )
    assert {("body.email", "mismatch")} == expect_invalid(elsewhere)


@pytest.mark.sec("SEC-61")
async def test_of_fifty_people_who_register_one_name_at_once_exactly_one_gets_it(
    client: Client, second_worker: Client, database: asyncpg.Connection, new_name: NewName
) -> None:
    name = new_name()
    spellings = [name, name.upper(), name.title(), _wide(name), _wide(name.upper())] * 10

    answers = await ask_at_once(
        (client, second_worker),
        "POST",
        f"{AUTH}/dev-register",
        [{"username": spelling} for spelling in spellings],
    )

    refused = [answer for answer in answers if answer.status_code != 201]
    assert 49 == len(refused)
    for answer in refused:
        expect_problem(answer, 409, "username_taken")
    query = "SELECT count(*) FROM users WHERE username = $1"
    assert 1 == await database.fetchval(query, name)


@pytest.mark.sec("SEC-61")
async def test_of_fifty_people_who_register_one_address_at_once_exactly_one_gets_it(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    address = f"{new_name()}@example.com"

    spellings = (address, address.upper(), _wide(address))
    answers = await ask_at_once(
        (client, second_worker),
        "POST",
        f"{AUTH}/dev-register",
        [{"username": new_name(), "email": spellings[turn % 3]} for turn in range(50)],
    )

    refused = [answer for answer in answers if answer.status_code != 201]
    assert 49 == len(refused)
    for answer in refused:
        expect_problem(answer, 409, "email_taken")


async def test_the_first_session_of_a_new_account_is_usable_on_every_worker(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    for worker in (second_worker, client):
        assert 200 == (await worker.get(f"{AUTH}/me", headers=bearer(token))).status_code


async def test_outside_development_a_new_user_is_an_ordinary_user(
    production: Client, new_name: NewName
) -> None:
    answer = await _register(production, "register", username=new_name(), password=PASSWORD)

    user, claims = answer.json()["user"], claims_of(answer.json()["access_token"])
    assert 201 == answer.status_code
    assert (["user"], False, False) == (user["roles"], user["is_admin"], user["is_dev_user"])
    assert (["user"], ["personal"]) == (claims["roles"], claims["scopes"])


async def test_outside_development_an_access_token_lives_for_a_quarter_of_an_hour(
    production: Client, new_name: NewName
) -> None:
    answer = await _register(production, "register", username=new_name(), password=PASSWORD)

    assert 900 == answer.json()["expires_in"]


@pytest.mark.parametrize("route", ["dev-register", "dev-login"])
@pytest.mark.parametrize("body", [{}, {"username": "x"}, {"username": "john.doe"}, []])
async def test_outside_development_the_development_routes_are_not_there_whatever_is_sent(
    production: Client, route: str, body: object
) -> None:
    answer = await production.post(f"{AUTH}/{route}", json=body)

    expect_problem(answer, 404, "endpoint_not_available")


@pytest.mark.sec("SEC-05")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "missing"),
        ({"password": None}, "missing"),
        ({"password": ""}, "too_short"),
        ({"password": "a" * 14}, "too_short"),
        ({"password": "e\u0301" * 14}, "too_short"),  # 14 characters once composed
        ({"password": "a" * 1025}, "too_long"),
        ({"password": "\U0001f600" * 257}, "too_long"),
    ],
)
async def test_outside_development_a_password_that_is_too_short_or_too_long_is_refused(
    production: Client, new_name: NewName, body: dict[str, Any], kind: str
) -> None:
    answer = await _register(production, "register", username=new_name(), **body)

    assert {("body.password", kind)} == expect_invalid(answer)


@pytest.mark.sec("SEC-03", "SEC-05")
@pytest.mark.parametrize(
    "password",
    [
        "onlylettersofonecase",
        " s p a c e s   o n l y ",
        "83920183745610293847561902837465",
        "xK9#mQ2$vL5nR8wZ" * 64,
        "\U0001f600\U0001f98a\U0001f43b\U0001f43c\U0001f428\U0001f42f\U0001f981\U0001f42e" * 32,
        "nul \0 is a character",
        "p\u00e4ssw\u00f6rter d\u00fcrfen das",
    ],
)
async def test_any_characters_make_a_password_and_all_of_them_count(
    production: Client, new_name: NewName, password: str
) -> None:
    name = new_name()
    registered = await _register(production, "register", username=name, password=password)
    assert 201 == registered.status_code

    login = {"username": name, "password": password}
    assert 200 == (await production.post(f"{AUTH}/login", json=login)).status_code
    login["password"] = password[:-1]
    expect_problem(await production.post(f"{AUTH}/login", json=login), 401, "authentication_failed")


def _wide(name: str) -> str:
    """The full-width twins of ASCII letters and digits, which NFKC folds (RFC 8265)."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in name)
