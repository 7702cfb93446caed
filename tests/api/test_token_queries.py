"""POST /introspect and POST /revoke, for registered callers."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.api.asking import AUTH, claims_of, expect_problem, sign_up
from tests.api.registered_clients import OTHER_SECRET, REGISTERED, SECRET, basic, posted
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]


@pytest.fixture(scope="module")
async def worker(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker that knows some callers."""
    async with serving(environ | REGISTERED) as client:
        yield client


async def ask(
    worker: Client, path: str, token: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    return await worker.post(
        f"{AUTH}/{path}", data={"token": token}, headers=basic() if headers is None else headers
    )


async def introspect(worker: Client, token: str) -> dict[str, Any]:
    answer = await ask(worker, "introspect", token)
    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"]), answer.text
    return dict(answer.json())


async def test_a_live_access_token_is_described(worker: Client, new_name: NewName) -> None:
    tokens = await sign_up(worker, new_name())
    claims = claims_of(tokens["access_token"])

    body = await introspect(worker, tokens["access_token"])

    assert {
        "active": True,
        "token_type": "Bearer",
        "scope": "personal global",
        **{
            name: claims[name]
            for name in ("username", "sub", "sid", "iss", "aud", "jti", "iat", "exp")
        },
    } == body


async def test_a_refresh_token_is_looked_at_and_not_redeemed(
    worker: Client, new_name: NewName
) -> None:
    tokens = await sign_up(worker, new_name())
    refresh = tokens["refresh_token"]

    for _ in range(3):
        body = await introspect(worker, refresh)
        assert (True, "refresh_token") == (body["active"], body["token_type"])
        assert tokens["session_id"] == body["sid"]
    answer = await worker.post(f"{AUTH}/refresh", json={"refresh_token": refresh})
    assert 200 == answer.status_code
    assert 1 == claims_of(answer.json()["refresh_token"])["ctr"]


@pytest.mark.sec("SEC-44")
async def test_all_that_is_not_live_is_inactive_and_nothing_more(
    worker: Client, new_name: NewName
) -> None:
    tokens = await sign_up(worker, new_name())
    ended = await sign_up(worker, new_name())
    await worker.post(f"{AUTH}/logout", headers=bearer(ended["access_token"]))
    access = tokens["access_token"]

    for token in (
        ended["access_token"],
        ended["refresh_token"],
        access[:-2],
        f"{access}=",
        "x",
        "a.b.c",
        "\x00",
        "é",
        "x" * 20_000,
    ):
        assert {"active": False} == await introspect(worker, token)


@pytest.mark.sec("SEC-44")
async def test_a_client_without_the_permission_learns_no_more_than_of_a_foreign_token(
    worker: Client, new_name: NewName
) -> None:
    token = (await sign_up(worker, new_name()))["access_token"]
    headers = basic("verifier", OTHER_SECRET)

    live, foreign = (
        await ask(worker, "introspect", token, headers),
        await ask(worker, "introspect", "foreign", headers),
    )

    assert (200, {"active": False}) == (live.status_code, live.json())
    assert live.content == foreign.content
    refused = await ask(worker, "revoke", token, headers)
    expect_problem(refused, 403, "permission_denied")
    assert 200 == (await worker.get(f"{AUTH}/me", headers=bearer(token))).status_code


@pytest.mark.sec("SEC-44")
@pytest.mark.parametrize("path", ["introspect", "revoke"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(client_secret="wrong"),
        basic(client_secret=""),
        basic(client_id="nobody"),
        basic(client_id="", client_secret=""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"gateway").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"Authorization": f"Bearer {SECRET.encode().hex()}"},
    ],
    ids=str,
)
async def test_nobody_asks_without_credentials(
    worker: Client, path: str, headers: dict[str, str]
) -> None:
    answer = await ask(worker, path, "x", headers)

    body = answer.json()
    assert (401, "invalid_client") == (answer.status_code, body["code"])
    assert ("invalid_client", body["detail"]) == (body["error"], body["error_description"])
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert SECRET not in answer.text


@pytest.mark.parametrize("path", ["introspect", "revoke"])
async def test_a_client_may_say_who_it_is_in_the_form(
    worker: Client, new_name: NewName, path: str
) -> None:
    """RFC 6749 §2.3.1, client_secret_post."""
    tokens = await sign_up(worker, new_name())
    form = {"token": tokens["access_token"], **posted()}

    answer = await worker.post(f"{AUTH}/{path}", data=form)

    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
    if path == "introspect":
        assert answer.json()["active"]
    else:
        me = await worker.get(f"{AUTH}/me", headers=bearer(tokens["access_token"]))
        assert 401 == me.status_code


@pytest.mark.sec("SEC-44")
@pytest.mark.parametrize("path", ["introspect", "revoke"])
@pytest.mark.parametrize(
    "credentials",
    [
        posted(client_secret="wrong"),
        posted(client_id="nobody"),
        posted("", ""),
        posted("gateway", OTHER_SECRET),
        {"client_id": "gateway"},
        {"client_secret": SECRET},
        {"client_id": SECRET, "client_secret": "gateway"},
    ],
    ids=str,
)
async def test_nobody_asks_with_wrong_credentials_in_the_form(
    worker: Client, path: str, credentials: dict[str, str]
) -> None:
    answer = await worker.post(f"{AUTH}/{path}", data={"token": "x", **credentials})

    expect_problem(answer, 401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert SECRET not in answer.text


@pytest.mark.parametrize("path", ["introspect", "revoke"])
@pytest.mark.parametrize(
    "credentials",
    [
        posted(),  # the same ones twice are still two ways
        posted("verifier", OTHER_SECRET),
        {"client_secret": "wrong"},
        {"client_id": "verifier"},
    ],
    ids=str,
)
async def test_a_client_says_who_it_is_in_one_way_only(
    worker: Client, path: str, credentials: dict[str, str]
) -> None:
    """RFC 6749 §2.3."""
    answer = await worker.post(
        f"{AUTH}/{path}", data={"token": "x", **credentials}, headers=basic()
    )

    body = expect_problem(answer, 400, "invalid_request")
    assert "invalid_request" == body["error"]
    assert SECRET not in answer.text


async def test_a_client_id_beside_the_header_is_no_second_way(worker: Client) -> None:
    form = {"token": "x", "client_id": "gateway"}

    answer = await worker.post(f"{AUTH}/introspect", data=form, headers=basic())

    assert (200, {"active": False}) == (answer.status_code, answer.json())


@pytest.mark.sec("SEC-39", "SEC-44")
@pytest.mark.parametrize("name", ["client_id", "client_secret", "token"])
async def test_a_parameter_that_comes_twice_is_refused_whoever_asks(
    worker: Client, name: str
) -> None:
    form = urlencode({"token": "x", **posted()}) + f"&{name}=x"

    answer = await worker.post(
        f"{AUTH}/introspect",
        content=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    expect_problem(answer, 400, "invalid_request")


@pytest.mark.sec("SEC-39")
async def test_credentials_in_the_query_or_in_json_are_none(worker: Client) -> None:
    in_query = await worker.post(f"{AUTH}/introspect", params=posted(), data={"token": "x"})
    in_json = await worker.post(f"{AUTH}/introspect", json={"token": "x", **posted()})

    for answer in (in_query, in_json):
        expect_problem(answer, 401, "invalid_client")


@pytest.mark.sec("SEC-34", "SEC-44")
async def test_a_client_ends_no_session_of_another_one(worker: Client, new_name: NewName) -> None:
    answer = await worker.post(
        f"{AUTH}/dev-register",
        json={"username": new_name()},
        headers=basic("verifier", OTHER_SECRET),
    )
    token = answer.json()["access_token"]

    assert 200 == (await ask(worker, "revoke", token)).status_code

    assert "verifier" == (await introspect(worker, token))["client_id"]
    assert 200 == (await worker.get(f"{AUTH}/me", headers=bearer(token))).status_code


async def test_a_bearer_token_is_no_client(worker: Client, new_name: NewName) -> None:
    token = (await sign_up(worker, new_name()))["access_token"]

    assert 401 == (await ask(worker, "introspect", token, bearer(token))).status_code
    assert 401 == (await worker.get(f"{AUTH}/me", headers=basic())).status_code


@pytest.mark.sec("SEC-39")
@pytest.mark.parametrize(
    "body",
    ["", "token=", "token=a&token=b", "token_type_hint=x", "token", "token=a&x=1&x=2", "&".join(
        f"p{index}=1" for index in range(17)
    )],
)  # fmt: skip
@pytest.mark.parametrize("path", ["introspect", "revoke"])
async def test_a_form_without_exactly_one_token_is_400(
    worker: Client, path: str, body: str
) -> None:
    answer = await worker.post(
        f"{AUTH}/{path}",
        content=body,
        headers=basic() | {"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert (400, "invalid_request", "invalid_request") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["error"],
    )


@pytest.mark.parametrize("path", ["introspect", "revoke"])
async def test_a_body_that_is_no_form_is_415(worker: Client, path: str) -> None:
    answer = await worker.post(f"{AUTH}/{path}", json={"token": "x"}, headers=basic())

    body = expect_problem(answer, 415, "unsupported_media_type")
    assert "application/x-www-form-urlencoded" in body["detail"]


async def test_a_token_in_the_query_is_not_looked_at(worker: Client) -> None:
    answer = await worker.post(
        f"{AUTH}/introspect?token=x",
        content="",
        headers=basic() | {"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert 400 == answer.status_code
    assert 405 == (await worker.get(f"{AUTH}/introspect", headers=basic())).status_code


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_a_token_ends_its_session_everywhere(
    worker: Client, second_worker: Client, new_name: NewName, kind: str
) -> None:
    tokens = await sign_up(worker, new_name())
    assert (
        200
        == (
            await second_worker.get(f"{AUTH}/me", headers=bearer(tokens["access_token"]))
        ).status_code
    )

    answer = await ask(worker, "revoke", tokens[kind])

    assert (200, b"") == (answer.status_code, answer.content)
    refused = await second_worker.get(f"{AUTH}/me", headers=bearer(tokens["access_token"]))
    expect_problem(refused, 401, "invalid_token")
    for token in ("access_token", "refresh_token"):
        assert {"active": False} == await introspect(worker, tokens[token])
    again = await ask(worker, "revoke", tokens[kind])
    assert (200, b"") == (again.status_code, again.content)


async def test_revoking_what_is_no_token_is_fine(worker: Client) -> None:
    for token in ("x", "a.b.c", "x" * 20_000):
        assert 200 == (await ask(worker, "revoke", token)).status_code


async def test_without_registered_callers_nobody_is_one(client: Client) -> None:
    assert 401 == (await ask(client, "introspect", "x")).status_code
