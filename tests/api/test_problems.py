"""Every error is an RFC 9457 problem with the same members, whatever went wrong."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from litestar import get
from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    NotAuthorizedException,
    PermissionDeniedException,
    ServiceUnavailableException,
    TooManyRequestsException,
)
from litestar.params import FromPath, FromQuery

from app.security import PUBLIC
from auth_core.kernel import (
    AuthCoreError,
    ConcurrentUpdate,
    Misconfigured,
    PermissionDenied,
    TooManyRequests,
    Unavailable,
    UserNotFound,
    WrongMasterKey,
)
from tests.api.asking import AUTH, JSON, PASSWORD, ask_raw, expect_problem, serving_also, sign_up
from tests.serving import Client, bearer

NewName = Callable[[], str]

INSIDE = "SELECT password FROM users; /srv/app/app/main.py; sqlalchemy 2.0.50"
FAULTS: dict[str, Exception] = {
    "too-many": TooManyRequests(retry_after=7),
    "unavailable": Unavailable(retry_after=3),
    "misconfigured": Misconfigured(INSIDE),
    "wrong-master-key": WrongMasterKey(INSIDE),
    "concurrent": ConcurrentUpdate(),
    "denied": PermissionDenied(),
    "no-user": UserNotFound(),
    "unmapped-core": AuthCoreError(INSIDE),
    "runtime": RuntimeError(INSIDE),
    "key": KeyError(INSIDE),
    "os": OSError(5, INSIDE, "/srv/app"),
    "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, INSIDE),
    "msgspec": msgspec.ValidationError(INSIDE),
    "group": ExceptionGroup(INSIDE, [ValueError(INSIDE)]),
    "framework-401": NotAuthorizedException(INSIDE),
    "framework-403": PermissionDeniedException(INSIDE),
    "framework-418": HTTPException(status_code=418, detail=INSIDE),
    "framework-429": TooManyRequestsException(INSIDE),
    "framework-500": InternalServerException(INSIDE),
    "framework-503": ServiceUnavailableException(INSIDE),
}


@get("/faults/{name:str}", opt=PUBLIC)
async def fail(name: FromPath[str]) -> None:
    """Raise what the name says."""
    raise FAULTS[name]


@get("/pages", opt=PUBLIC)
async def page(size: FromQuery[int]) -> dict[str, int]:
    """Need a parameter."""
    return {"size": size}


@pytest.fixture(scope="module")
async def faulty(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker with routes that fail in every way."""
    async with serving_also(environ, fail, page) as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("concurrent", 409, "concurrent_update"),
        ("denied", 403, "permission_denied"),
        ("no-user", 404, "user_not_found"),
        ("too-many", 429, "too_many_requests"),
        ("unavailable", 503, "service_unavailable"),
    ],
)
async def test_an_error_of_the_core_is_a_problem_with_its_code(
    faulty: Client, fault: str, status: int, code: str
) -> None:
    body = expect_problem(await faulty.get(f"/faults/{fault}"), status, code)

    assert getattr(FAULTS[fault], "message", None) == body["detail"]


@pytest.mark.parametrize(("fault", "seconds"), [("too-many", "7"), ("unavailable", "3")])
async def test_who_has_to_wait_is_told_how_long(faulty: Client, fault: str, seconds: str) -> None:
    assert seconds == (await faulty.get(f"/faults/{fault}")).headers["retry-after"]


@pytest.mark.sec("SEC-69")
@pytest.mark.parametrize(
    "fault",
    ["runtime", "key", "os", "unicode", "msgspec", "group", "framework-500"],
)
async def test_a_fault_of_ours_tells_nothing_but_the_request_id(faulty: Client, fault: str) -> None:
    body = expect_problem(await faulty.get(f"/faults/{fault}"), 500, "internal_error")

    assert "Something went wrong on our side. The request id helps us." == body["detail"]
    assert "errors" not in body


@pytest.mark.sec("SEC-69")
@pytest.mark.parametrize("fault", ["misconfigured", "wrong-master-key"])
async def test_what_only_an_operator_can_mend_is_told_to_the_operator_only(
    faulty: Client, fault: str
) -> None:
    expect_problem(await faulty.get(f"/faults/{fault}"), 503, "service_unavailable")


async def test_each_kind_of_problem_arises_on_the_real_routes(
    client: Client, new_name: NewName
) -> None:
    name = new_name()
    await sign_up(client, name)
    again = await client.post(f"{AUTH}/dev-register", json={"username": name})
    large = await client.post(f"{AUTH}/login", content=b" " * 65537, headers=JSON)
    form = await client.post(f"{AUTH}/login", data={"username": name})

    expect_problem(await client.get(f"{AUTH}/me"), 401, "authentication_required")
    expect_problem(await client.get("/nothing"), 404, "not_found")
    expect_problem(await client.put(f"{AUTH}/me"), 405, "method_not_allowed")
    expect_problem(again, 409, "username_taken")
    expect_problem(large, 413, "body_too_large")
    expect_problem(form, 415, "unsupported_media_type")


async def test_a_validation_problem_names_every_field_that_is_wrong(client: Client) -> None:
    answer = await client.post(
        f"{AUTH}/dev-register",
        json={"username": "a", "email": "nobody", "display_name": "x" * 101},
    )

    body = expect_problem(answer, 422, "validation_failed")
    assert [
        {"loc": ["body", "username"], "msg": "at least 3 characters", "type": "too_short"},
        {
            "loc": ["body", "email"],
            "msg": "not an e-mail address like name@example.com",
            "type": "email",
        },
        {"loc": ["body", "display_name"], "msg": "at most 100 characters", "type": "too_long"},
    ] == body["errors"]
    assert all(error["msg"] in body["detail"] for error in body["errors"])


async def test_a_missing_field_is_named_where_it_is_missing(client: Client) -> None:
    body = expect_problem(
        await client.post(f"{AUTH}/dev-register", json={}), 422, "validation_failed"
    )

    assert [
        {"loc": ["body", "username"], "msg": "this field is required", "type": "missing"}
    ] == body["errors"]


async def test_a_missing_body_is_said_to_be_missing(client: Client) -> None:
    body = expect_problem(
        await client.post(f"{AUTH}/login", headers=JSON), 422, "validation_failed"
    )

    assert [{"loc": ["body"], "msg": "a body is required", "type": "missing"}] == body["errors"]


@pytest.mark.parametrize("sent", ["canary-3f9a", "a" * 20_000, "\u202e\u0000<script>"])
async def test_a_problem_never_echoes_what_was_sent(client: Client, sent: str) -> None:
    for body in (
        {"username": sent + "\n"},
        {"username": "abcd", "email": sent},
        {"username": "abcd", "display_name": sent + "\n"},
        {"username": "abcd", "password": [sent]},
        {"username": {sent: sent}},
    ):
        answer = await client.post(f"{AUTH}/dev-register", json=body)
        expect_problem(answer, 422, "validation_failed")
        assert sent not in answer.text
        assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "path",
    [
        "/canary-3f9a",
        f"{AUTH}/canary-3f9a",
        "/api/v1/auth/user/canary-3f9a",
        "/.well-known/canary-3f9a",
        "/docs/canary-3f9a",
        "/canary-3f9a\0",
        "/canary-3f9a\r\nX-Evil: 1",
        "/canary-3f9a/" + "x/" * 3000,
        "/canary-3f9a/../../etc/passwd",
        "/\u202ecanary-3f9a",
        "//canary-3f9a",
        "/canary-3f9a;jsessionid=1",
    ],
)
async def test_an_unknown_path_is_not_found_and_not_echoed(client: Client, path: str) -> None:
    answer = await ask_raw(client, "GET", path)

    expect_problem(answer, 404, "not_found")
    assert "canary-3f9a" not in answer.text
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("query", ["?size=", "?size=x", "?size=1.5", "?size=1e400", "?size=%00"])
async def test_a_bad_query_parameter_is_the_callers_fault(faulty: Client, query: str) -> None:
    answer = await faulty.get(f"/pages{query}")

    assert 422 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert ["query"] == [error["loc"][0] for error in answer.json()["errors"]]


async def test_a_query_on_a_route_that_takes_none_changes_nothing(client: Client) -> None:
    for query in ("?a=b", "?" + "a=b&" * 2000, "?%ff=%00", "?a[]=1&a[]=2"):
        assert 200 == (await client.get(f"{AUTH}/config{query}")).status_code


@pytest.mark.sec("SEC-01")
async def test_texts_of_401_never_lead_a_client_into_a_wrong_recovery(
    client: Client, production: Client, new_name: NewName
) -> None:
    name = new_name()
    token = (await sign_up(client, name, password=PASSWORD))["access_token"]
    await client.post(f"{AUTH}/logout", headers=bearer(token))
    login: dict[str, Any] = {"username": name, "password": "wrong"}

    answers = [
        (await client.get(f"{AUTH}/me"), "authentication_required"),
        (await client.get(f"{AUTH}/me", headers=bearer(token)), "invalid_token"),
        (await client.get(f"{AUTH}/me", headers=bearer("x")), "invalid_token"),
        (await client.post(f"{AUTH}/logout", headers=bearer(token)), "invalid_token"),
        (await production.post(f"{AUTH}/login", json=login), "authentication_failed"),
    ]

    for answer, code in answers:
        body = expect_problem(answer, 401, code)
        assert token not in answer.text
        assert not body["detail"].lower().startswith("session")


async def test_the_401_of_a_login_names_no_token_error(client: Client, new_name: NewName) -> None:
    answer = await client.post(f"{AUTH}/dev-login", json={"username": new_name()})

    expect_problem(answer, 401, "authentication_failed")
    assert 'Bearer realm="faultmaven-auth"' == answer.headers["www-authenticate"]
