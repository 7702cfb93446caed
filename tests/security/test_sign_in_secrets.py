"""What signing in does not tell, and what requests from outside cannot change."""

from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.asking import AUTH, PASSWORD, claims_of, expect_problem, sign_up
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]


def _comparable(answer: httpx.Response) -> dict[str, Any]:
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in {"x-request-id", "x-correlation-id"}
    }
    return {"status": answer.status_code, "body": body, "headers": headers}


@pytest.mark.sec("SEC-01")
@pytest.mark.parametrize("by", ["username", "email"])
async def test_a_failed_login_never_tells_why(
    client: Client,
    production: Client,
    database: asyncpg.Connection,
    new_name: NewName,
    by: str,
) -> None:
    names = {kind: new_name() for kind in ("unknown", "wrong", "passwordless")}
    names |= {status: new_name() for status in ("disabled", "pending", "deleted")}
    for kind in ("wrong", "disabled", "pending", "deleted"):
        fresh = {"username": names[kind], "password": PASSWORD}
        assert 201 == (await production.post(f"{AUTH}/register", json=fresh)).status_code
    await sign_up(client, names["passwordless"])
    for status in ("disabled", "pending", "deleted"):
        await database.execute(
            "UPDATE users SET status = $1 WHERE username = $2", status, names[status]
        )

    answers = {}
    for kind, name in names.items():
        shown = name if by == "username" else f"{name}@dev.faultmaven.local"
        password = PASSWORD if kind != "wrong" else PASSWORD[::-1]
        login = {by: shown, "password": password}
        answers[kind] = await production.post(f"{AUTH}/login", json=login)

    expect_problem(answers["unknown"], 401, "authentication_failed")
    for kind, answer in answers.items():
        assert _comparable(answers["unknown"]) == _comparable(answer), kind


@pytest.mark.sec("SEC-01")
@pytest.mark.parametrize("password", ["", "x", "a" * 1025, "a" * 50_000, "\0" * 20])
async def test_an_odd_password_is_no_way_to_tell_who_has_an_account(
    production: Client, new_name: NewName, password: str
) -> None:
    name = new_name()
    fresh = {"username": name, "password": PASSWORD}
    assert 201 == (await production.post(f"{AUTH}/register", json=fresh)).status_code

    known, unknown = [
        await production.post(f"{AUTH}/login", json={"username": who, "password": password})
        for who in (name, new_name())
    ]

    expect_problem(known, 401, "authentication_failed")
    assert _comparable(known) == _comparable(unknown)


@pytest.mark.sec("SEC-60")
@pytest.mark.parametrize(
    ("environment", "routes"),
    [("development", ["register", "dev-register"]), ("production", ["register"])],
)
async def test_where_registration_is_off_nobody_registers_and_the_configuration_says_so(
    environ: dict[str, str],
    database: asyncpg.Connection,
    new_name: NewName,
    environment: str,
    routes: list[str],
) -> None:
    name = new_name()
    off = {"ENABLE_REGISTRATION": "false", "ENVIRONMENT": environment}
    async with serving(environ | off) as client:
        config = (await client.get(f"{AUTH}/config")).json()
        for route in routes:
            body = {"username": name, "password": PASSWORD}
            answer = await client.post(f"{AUTH}/{route}", json=body)
            expect_problem(answer, 403, "registration_closed")

    assert (False, False) == (
        config["supports_registration"],
        config["features"]["supports_registration"],
    )
    assert 0 == await database.fetchval("SELECT count(*) FROM users WHERE username = $1", name)


@pytest.mark.sec("SEC-60")
async def test_where_registration_is_off_a_taken_name_is_not_told(
    environ: dict[str, str], client: Client, new_name: NewName
) -> None:
    taken = new_name()
    await sign_up(client, taken)

    async with serving(environ | {"ENABLE_REGISTRATION": "false"}) as closed:
        answers = [
            await closed.post(f"{AUTH}/dev-register", json={"username": name})
            for name in (taken, new_name())
        ]

    assert _comparable(answers[0]) == _comparable(answers[1])


@pytest.mark.sec("SEC-60")
async def test_where_passwords_are_off_no_password_opens_anything(
    environ: dict[str, str], production: Client, new_name: NewName
) -> None:
    body = {"username": new_name(), "password": PASSWORD}
    assert 201 == (await production.post(f"{AUTH}/register", json=body)).status_code
    off = {"ENABLE_PASSWORD_AUTH": "false", "ENVIRONMENT": "production"}

    async with serving(environ | off) as client:
        expect_problem(await client.post(f"{AUTH}/login", json=body), 403, "permission_denied")
        fresh = {"username": new_name(), "password": PASSWORD}
        expect_problem(await client.post(f"{AUTH}/register", json=fresh), 403, "permission_denied")
        config = (await client.get(f"{AUTH}/config")).json()

    assert (False, False) == (
        config["supports_registration"],
        config["features"]["supports_registration"],
    )


FORWARDED = {
    "X-Forwarded-For": "203.0.113.9, 127.0.0.1",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": 'for="[2001:db8::17]:4711";host=evil.example;proto=https',
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X-Original-Host": "evil.example",
    "X-Client-IP": "203.0.113.9",
    "CF-Connecting-IP": "203.0.113.9",
}
HOSTS = {"Host": "evil.example:666"}
DOCUMENTS = [
    "/",
    "/health",
    "/openapi.json",
    "/docs",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/authzen-configuration",
    f"{AUTH}/config",
    f"{AUTH}/me",
    "/nothing/here",
]


@pytest.mark.sec("SEC-14", "SEC-15")
@pytest.mark.parametrize("headers", [FORWARDED, HOSTS, FORWARDED | HOSTS])
@pytest.mark.parametrize("path", DOCUMENTS)
async def test_where_a_request_seems_to_come_from_changes_no_document(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    plain, forwarded = await client.get(path), await client.get(path, headers=headers)

    named = {"x-request-id", "x-correlation-id"}
    assert plain.status_code == forwarded.status_code
    assert plain.text.replace(plain.headers["x-request-id"], "") == forwarded.text.replace(
        forwarded.headers["x-request-id"], ""
    )
    assert {n: v for n, v in plain.headers.items() if n not in named} == {
        n: v for n, v in forwarded.headers.items() if n not in named
    }
    assert "evil" not in forwarded.text
    assert "evil" not in str(forwarded.headers)


@pytest.mark.sec("SEC-14", "SEC-15")
async def test_where_a_request_seems_to_come_from_changes_no_token(
    client: Client, new_name: NewName
) -> None:
    answer = await client.post(
        f"{AUTH}/dev-register", json={"username": new_name()}, headers=FORWARDED | HOSTS
    )

    token = answer.json()["access_token"]
    assert ("https://auth.faultmaven.ai", "faultmaven-api") == (
        claims_of(token)["iss"],
        claims_of(token)["aud"],
    )
    assert "evil" not in str(claims_of(token))
    me = await client.get(f"{AUTH}/me", headers=bearer(token))
    assert (200, False) == (me.status_code, "evil" in me.text)
