"""Headers: security, request ids, CORS, bearer schemes, and what must never be there."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import get

from app.security import PUBLIC
from tests.api.asking import AUTH, JSON, PASSWORD, ask_raw, expect_problem, serving_also, sign_up
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]
Ask = Callable[[Client, str], Any]

EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"


@get("/fault", opt=PUBLIC)
async def fault() -> None:
    """Fail as no handler should."""
    message = "SELECT secret FROM /srv/app/app.py 1.2.3"
    raise RuntimeError(message)


@pytest.fixture(scope="module")
async def faulty(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker with one route that fails."""
    async with serving_also(environ, fault) as client:
        yield client


ANSWERS: dict[str, tuple[int, Ask]] = {
    "found": (200, lambda c, _: c.get("/")),
    "health": (200, lambda c, _: c.get("/health")),
    "config": (200, lambda c, _: c.get(f"{AUTH}/config")),
    "keys": (200, lambda c, _: c.get("/.well-known/jwks.json")),
    "document": (200, lambda c, _: c.get("/openapi.json")),
    "page": (200, lambda c, _: c.get("/docs")),
    "script": (200, lambda c, _: c.get("/docs/swagger-ui-bundle.js")),
    "tokens": (201, lambda c, n: c.post(f"{AUTH}/dev-register", json={"username": n})),
    "preflight": (
        204,
        lambda c, _: c.options(
            f"{AUTH}/me", headers={"Origin": EXTENSION, "Access-Control-Request-Method": "PATCH"}
        ),
    ),
    "refused preflight": (
        400,
        lambda c, _: c.options(
            f"{AUTH}/me",
            headers={
                "Origin": "https://evil.example",
                "Access-Control-Request-Method": "PATCH",
            },
        ),
    ),
    "unauthenticated": (401, lambda c, _: c.get(f"{AUTH}/me")),
    "unknown path": (404, lambda c, _: c.get("/nothing/here")),
    "unknown file": (404, lambda c, _: c.get("/docs/nothing")),
    "wrong method": (405, lambda c, _: c.put(f"{AUTH}/me")),
    "head": (200, lambda c, _: c.head("/health")),
    "too large": (
        413,
        lambda c, _: c.post(f"{AUTH}/login", content=b" " * 65537, headers=JSON),
    ),
    "wrong type": (415, lambda c, _: c.post(f"{AUTH}/login", content=b"a=b")),
    "invalid": (422, lambda c, _: c.post(f"{AUTH}/login", json={})),
    "malformed": (422, lambda c, _: c.post(f"{AUTH}/login", content=b"{", headers=JSON)),
    "fault": (500, lambda c, _: c.get("/fault")),
}
ACTUAL_ANSWERS = {name: case for name, case in ANSWERS.items() if "preflight" not in name}
every_answer = pytest.mark.parametrize(("status", "ask"), ANSWERS.values(), ids=ANSWERS)


@pytest.mark.sec("SEC-51")
@every_answer
async def test_every_answer_carries_the_security_headers(
    faulty: Client, new_name: NewName, status: int, ask: Ask
) -> None:
    answer = await ask(faulty, new_name())

    assert status == answer.status_code
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "DENY" == answer.headers["x-frame-options"]
    assert "no-referrer" == answer.headers["referrer-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "cache-control" in answer.headers
    assert "strict-transport-security" not in answer.headers  # development has no certificate
    assert not {"server", "x-powered-by"} & answer.headers.keys()


@every_answer
async def test_no_header_is_sent_twice_and_there_is_at_most_one_cookie(
    faulty: Client, new_name: NewName, status: int, ask: Ask
) -> None:
    answer = await ask(faulty, new_name())

    names = [name.lower() for name, _ in answer.headers.raw]
    assert sorted(set(names)) == sorted(names)
    assert 1 >= names.count(b"set-cookie")
    assert status == answer.status_code


@every_answer
async def test_no_answer_is_ever_compressed(
    faulty: Client, new_name: NewName, status: int, ask: Ask
) -> None:
    faulty.headers["Accept-Encoding"] = "gzip, br, zstd, deflate"
    try:
        answer = await ask(faulty, new_name())
    finally:
        del faulty.headers["Accept-Encoding"]

    assert "gzip, br, zstd, deflate" == answer.request.headers["accept-encoding"]
    assert "content-encoding" not in answer.headers
    assert status == answer.status_code


@every_answer
async def test_every_answer_names_its_request(
    faulty: Client, new_name: NewName, status: int, ask: Ask
) -> None:
    one, two = await ask(faulty, new_name()), await ask(faulty, new_name())

    for answer in (one, two):
        assert UUID(answer.headers["x-request-id"])
        assert answer.headers["x-request-id"] == answer.headers["x-correlation-id"]
    assert one.headers["x-request-id"] != two.headers["x-request-id"]
    assert status == one.status_code


@pytest.mark.sec("SEC-51")
@pytest.mark.parametrize(("path", "status"), [("/", 200), (f"{AUTH}/me", 401), ("/x", 404)])
async def test_outside_development_browsers_are_told_to_stay_with_https(
    production: Client, path: str, status: int
) -> None:
    answer = await production.get(path)

    assert status == answer.status_code
    assert "max-age=63072000; includeSubDomains" == answer.headers["strict-transport-security"]


@pytest.mark.sec("SEC-51")
@pytest.mark.parametrize("route", ["register", "login", "dev-register", "dev-login"])
async def test_answers_that_hold_tokens_are_never_stored(
    client: Client, new_name: NewName, route: str
) -> None:
    name = new_name()
    if route.endswith("login"):
        await sign_up(client, name)

    answer = await client.post(f"{AUTH}/{route}", json={"username": name})

    assert "access_token" in answer.json()
    assert "no-store" == answer.headers["cache-control"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", f"{AUTH}/config", f"{AUTH}/me", "/nothing", "/openapi.json"])
async def test_answers_are_not_stored_unless_they_say_otherwise(client: Client, path: str) -> None:
    assert "no-store" == (await client.get(path)).headers["cache-control"]


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-Id", "x-request-id"])
@pytest.mark.parametrize("given", ["a", "abc-123_DEF.4", "0" * 128])
async def test_a_well_formed_request_id_is_taken_over(
    client: Client, header: str, given: str
) -> None:
    answer = await client.get(f"{AUTH}/me", headers={header: given})

    assert given == answer.headers["x-request-id"] == answer.headers["x-correlation-id"]
    assert given == answer.json()["request_id"]


@pytest.mark.parametrize("header", [b"x-request-id", b"x-correlation-id"])
@pytest.mark.parametrize(
    "given",
    [
        b"",
        b" ",
        b"a b",
        b"0" * 129,
        b"a\r\nSet-Cookie: a=b",
        b"a\n",
        b"a\0",
        "\u00e9t\u00e9".encode(),
        "\u202e".encode(),
        b"\xff\xfe",
        b"<script>",
        b'"},{"level":"x',
        b"../../etc/passwd",
        b"%0d%0a",
        b"a,b",
    ],
)
async def test_a_malformed_request_id_is_replaced(
    client: Client, header: bytes, given: bytes
) -> None:
    answer = await ask_raw(client, "GET", f"{AUTH}/me", headers=[(header, given)])

    expect_problem(answer, 401, "authentication_required")
    assert UUID(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] == answer.headers["x-correlation-id"]


async def test_a_malformed_request_id_does_not_hide_a_good_one(client: Client) -> None:
    headers = [(b"x-request-id", b"a b"), (b"x-correlation-id", b"good")]

    answer = await ask_raw(client, "GET", "/", headers=headers)

    assert "good" == answer.headers["x-request-id"] == answer.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "origin",
    [
        EXTENSION,
        "moz-extension://0b5a3c1e-7d4f-4b52-9a3e-2f1c6d7e8f90",
        "http://localhost:3000",
    ],
)
@pytest.mark.parametrize(("status", "ask"), ACTUAL_ANSWERS.values(), ids=ACTUAL_ANSWERS)
async def test_an_allowed_origin_is_echoed_with_credentials_also_on_errors(
    faulty: Client, new_name: NewName, origin: str, status: int, ask: Ask
) -> None:
    faulty.headers["Origin"] = origin
    try:
        answer = await ask(faulty, new_name())
    finally:
        del faulty.headers["Origin"]

    assert status == answer.status_code
    assert origin == answer.headers["access-control-allow-origin"]
    assert "true" == answer.headers["access-control-allow-credentials"]
    assert "Origin" in answer.headers["vary"]
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


UNKNOWN_ORIGINS = [
    "https://evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost:30000",
    "https://localhost:3000",
    "http://LOCALHOST:3000",
    "null",
    "",
    "*",
    "file://",
    "chrome-extension:",
]


@pytest.mark.parametrize("origin", UNKNOWN_ORIGINS)
async def test_an_unknown_origin_is_not_echoed(client: Client, origin: str) -> None:
    answer = await client.get(f"{AUTH}/me", headers={"Origin": origin})
    preflight = await client.options(
        f"{AUTH}/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
    )

    expect_problem(answer, 401, "authentication_required")
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in preflight.headers
    assert 500 > preflight.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
        {"Origin": EXTENSION, "Access-Control-Request-Method": "TRACE"},
        {
            "Origin": EXTENSION,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "X-Evil",
        },
    ],
    ids=["origin", "method", "header"],
)
@pytest.mark.parametrize("path", [f"{AUTH}/me", "/nothing"])
async def test_a_refused_preflight_is_a_problem_like_any_other_error(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    answer = await client.options(path, headers=headers)

    expect_problem(answer, 400, "cross_origin_refused")
    assert "access-control-allow-methods" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize("path", [f"{AUTH}/me", f"{AUTH}/dev-login", f"{AUTH}/logout", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
async def test_a_preflight_of_an_allowed_origin_passes_without_a_token(
    client: Client, path: str, method: str
) -> None:
    answer = await client.options(
        path,
        headers={
            "Origin": EXTENSION,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization, Content-Type, x-request-id",
        },
    )

    assert (204, b"") == (answer.status_code, answer.content)
    assert EXTENSION == answer.headers["access-control-allow-origin"]
    assert "true" == answer.headers["access-control-allow-credentials"]
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "x-request-id"} <= set(allowed.split(", "))
    assert 600 == int(answer.headers["access-control-max-age"])


async def test_origins_come_from_the_settings_and_extensions_are_always_allowed(
    environ: dict[str, str],
) -> None:
    own = {
        "ENVIRONMENT": "production",
        "REGISTRATION_MODE": "open",
        "CORS_ORIGINS": '["https://app.example.com"]',
    }
    async with serving(environ | own) as client:
        echoed = {
            origin: (await client.get("/", headers={"Origin": origin})).headers.get(
                "access-control-allow-origin"
            )
            for origin in ("https://app.example.com", EXTENSION, "http://localhost:3000")
        }

    assert {
        "https://app.example.com": "https://app.example.com",
        EXTENSION: EXTENSION,
        "http://localhost:3000": None,
    } == echoed


async def test_credentials_can_be_turned_off(environ: dict[str, str]) -> None:
    async with serving(environ | {"CORS_ALLOW_CREDENTIALS": "false"}) as client:
        answer = await client.get("/", headers={"Origin": EXTENSION})

    assert EXTENSION == answer.headers["access-control-allow-origin"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "])
async def test_the_bearer_scheme_is_known_in_any_letter_case(
    client: Client, new_name: NewName, scheme: str
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    answer = await client.get(f"{AUTH}/me", headers={"Authorization": f"{scheme} {token}"})

    assert 200 == answer.status_code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "authentication_required"),
        (b"Basic dXNlcjpwYXNz", "authentication_required"),
        (b"DPoP x.y.z", "authentication_required"),
        (b"Bearerx.y.z", "authentication_required"),
        (b"Bearer\tx.y.z", "authentication_required"),
        (b"\xff\xfe", "authentication_required"),
        (b"Bearer", "invalid_token"),
        (b"Bearer ", "invalid_token"),
        (b"Bearer x y", "invalid_token"),
        (b"Bearer ..", "invalid_token"),
        (b"Bearer null", "invalid_token"),
        (b"Bearer undefined", "invalid_token"),
        (b"Bearer " + b"a" * 10_000, "invalid_token"),
        ("Bearer \u00e9t\u00e9.\u00e9.\u00e9".encode(), "invalid_token"),
        (b"Bearer \xff\xfe.\xff.\xff", "invalid_token"),
        (b"Bearer a\0b.c.d", "invalid_token"),
    ],
)
async def test_an_authorization_that_cannot_be_one_is_refused(
    client: Client, value: bytes, code: str
) -> None:
    answer = await ask_raw(client, "GET", f"{AUTH}/me", headers=[(b"authorization", value)])

    expect_problem(answer, 401, code)


async def test_a_token_in_the_address_or_a_cookie_opens_nothing(
    client: Client, new_name: NewName
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    in_query = await client.get(f"{AUTH}/me", params={"access_token": token, "token": token})
    in_cookie = await client.get(f"{AUTH}/me", headers={"Cookie": f"access_token={token}"})

    expect_problem(in_query, 401, "authentication_required")
    expect_problem(in_cookie, 401, "authentication_required")


async def test_two_authorization_headers_open_nothing_that_one_of_them_would_not(
    client: Client, new_name: NewName
) -> None:
    token = (await sign_up(client, new_name()))["access_token"].encode()
    good, bad = (b"authorization", b"Bearer " + token), (b"authorization", b"Bearer x.y.z")

    for headers in ([good, bad], [bad, good]):
        answer = await ask_raw(client, "GET", f"{AUTH}/me", headers=headers)
        expect_problem(answer, 401, "invalid_token")


TRUSTING = {
    "X-User-ID": "{other}",
    "X-User-Id": "{other}",
    "X-User-Email": "admin@example.com",
    "X-User-Roles": "platform_admin",
    "X-User-Name": "admin",
    "X-Remote-User": "admin",
    "X-Auth-Request-User": "admin",
    "X-Original-URL": "/health",
    "X-HTTP-Method-Override": "DELETE",
}


@pytest.mark.sec("SEC-14")
async def test_user_headers_from_outside_are_never_trusted(
    client: Client, new_name: NewName
) -> None:
    other = (await sign_up(client, new_name()))["user"]["user_id"]
    mine = await sign_up(client, new_name())
    headers = {name: value.format(other=other) for name, value in TRUSTING.items()}

    alone = await client.get(f"{AUTH}/me", headers=headers)
    beside = await client.get(f"{AUTH}/me", headers=headers | bearer(mine["access_token"]))

    expect_problem(alone, 401, "authentication_required")
    assert (200, mine["user"]["user_id"]) == (beside.status_code, beside.json()["user_id"])
    assert ["admin"] == beside.json()["roles"]


@pytest.mark.parametrize("path", [f"{AUTH}/me/", f"{AUTH}/config/", "/health/", "/health/ready/"])
async def test_a_trailing_slash_changes_nothing_and_redirects_nowhere(
    client: Client, path: str
) -> None:
    with_slash, without = await client.get(path), await client.get(path[:-1])

    assert with_slash.status_code == without.status_code
    assert "location" not in with_slash.headers
    assert with_slash.json().keys() == without.json().keys()


async def test_a_login_with_a_trailing_slash_is_a_login(client: Client, new_name: NewName) -> None:
    name = new_name()
    registered = await client.post(
        f"{AUTH}/dev-register/", json={"username": name, "password": PASSWORD}
    )
    login = await client.post(f"{AUTH}/login/", json={"username": name, "password": PASSWORD})

    assert (201, 200) == (registered.status_code, login.status_code)


ROUTES = [
    ("/", {"GET"}),
    ("/health", {"GET"}),
    (f"{AUTH}/config", {"GET"}),
    (f"{AUTH}/me", {"GET", "PATCH", "DELETE"}),
    (f"{AUTH}/dev-login", {"POST"}),
    (f"{AUTH}/logout", {"POST"}),
    ("/v1/auth/logout", {"POST"}),
    ("/.well-known/jwks.json", {"GET"}),
    ("/docs", {"GET"}),
]


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "CONNECT", "PROPFIND", "X"]


@pytest.mark.parametrize(
    ("method", "path", "methods"),
    [
        (method, path, methods)
        for path, methods in ROUTES
        for method in METHODS
        if method not in methods and not (method == "HEAD" and "GET" in methods)
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    client: Client, method: str, path: str, methods: set[str]
) -> None:
    answer = await ask_raw(client, method, path)

    if method == "HEAD":
        assert (405, b"") == (answer.status_code, answer.content)
    else:
        expect_problem(answer, 405, "method_not_allowed")
    assert methods | {"OPTIONS"} == set(answer.headers["allow"].split(", "))


async def test_head_is_answered_like_get_without_the_content(client: Client) -> None:
    """RFC 9110 §9.3.2: load balancers ask like this."""
    get, head = await client.get("/health"), await client.head("/health")

    assert (200, b"") == (head.status_code, head.content)
    assert get.headers["content-length"] == head.headers["content-length"]


@pytest.mark.parametrize(("path", "methods"), ROUTES)
async def test_options_without_an_origin_tells_the_methods_and_runs_no_handler(
    client: Client, path: str, methods: set[str]
) -> None:
    answer = await client.options(path)

    assert (204, b"") == (answer.status_code, answer.content)
    assert methods | {"OPTIONS"} == set(answer.headers["allow"].split(", "))


def _is_json(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].partition(";")[0] in {
        "application/json",
        "application/problem+json",
    }


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/xml", "application/msgpack"])
async def test_answers_are_json_whatever_the_client_would_like(client: Client, accept: str) -> None:
    for path in ("/", f"{AUTH}/config", f"{AUTH}/me", "/nothing"):
        assert _is_json(await client.get(path, headers={"Accept": accept}))
