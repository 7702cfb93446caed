"""Limits over HTTP: headers, refusals, whose they are, and that every route has a class."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from app.limits import OPTION, RouteClass
from app.settings import load_settings
from tests.api.asking import AUTH, PASSWORD, ask_raw, expect_problem
from tests.api.organizing import join, new_organization
from tests.api.people import Person
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]

RATE_LIMIT = {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}
LIMITED = {
    "ENVIRONMENT": "production",
    "AUTH_TRUSTED_PROXIES": "127.0.0.1",
    "REGISTRATION_MODE": "open",
}


@pytest.fixture(scope="module")
async def limited(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker with the limits that a deployment has by default, behind one proxy."""
    async with serving(environ | LIMITED) as client:
        yield client


@pytest.fixture
def new_address() -> Callable[[], str]:
    """Addresses that have asked nothing yet."""
    return lambda: f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"


NewAddress = Callable[[], str]


async def no_more_waiting(database: asyncpg.Connection, name: str) -> None:
    """The failures of the password itself are another matter: its wait is over."""
    await database.execute(
        "UPDATE password_credentials SET consecutive_failures = 0 FROM users"
        " WHERE users.id = user_id AND username = $1",
        name,
    )


async def post(
    client: Client, path: str, json: Any, *, via: str, token: str | None = None
) -> httpx.Response:
    """The answer to a client at the address ``via``, behind the proxy."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-forwarded-for", via.encode()),
        *(
            (name.lower().encode(), value.encode())
            for name, value in bearer(token or "").items()
            if token
        ),
    ]
    body = httpx.Request("POST", "http://x", json=json).content
    return await ask_raw(client, "POST", f"{AUTH}{path}", headers=headers, chunks=[body])


async def sign_up(client: Client, name: str, via: str) -> dict[str, Any]:
    answer = await post(client, "/register", {"username": name, "password": PASSWORD}, via=via)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def rate_limit(answer: httpx.Response) -> tuple[int, int, int]:
    """Limit, remaining and reset."""
    limit, left, reset = (
        int(answer.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
    )
    return limit, left, reset


def handlers(app: Litestar) -> list[tuple[str, str, Any]]:
    return [
        (method, route.path, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    ]


def test_every_route_declares_a_class_and_those_that_write_are_counted(limited: Client) -> None:
    found = handlers(limited.app)
    assert len(found) >= 30

    undeclared = [
        (method, path)
        for method, path, handler in found
        if not isinstance(handler.opt.get(OPTION), RouteClass)
    ]
    assert [] == undeclared
    uncounted = {
        path
        for method, path, handler in found
        if handler.opt[OPTION] in {RouteClass.NONE, RouteClass.READ} and method != "GET"
    }
    questions = {  # a POST that writes nothing
        *("/access/v1/evaluation", "/access/v1/evaluations"),
        "/api/v1/permissions/check",
    }
    assert {f"{AUTH}/introspect", f"{AUTH}/revoke", *questions} == uncounted
    unasked = {
        path
        for _, path, handler in found
        if "public" in handler.opt and handler.opt[OPTION] is RouteClass.READ
    }
    assert set() == unasked


@pytest.mark.parametrize("path", ["/health", "/.well-known/jwks.json", f"{AUTH}/config"])
async def test_what_must_always_be_readable_is_never_counted(limited: Client, path: str) -> None:
    answer = await limited.get(path)

    assert 200 == answer.status_code
    assert set() == RATE_LIMIT & answer.headers.keys()


async def test_every_answer_of_a_counted_route_says_what_is_left(
    limited: Client, new_name: NewName, new_address: NewAddress
) -> None:
    via = new_address()
    body = {"username": new_name(), "password": PASSWORD}

    began = time.monotonic()
    answers = [await post(limited, "/login", body, via=via) for _ in range(3)]
    answers.append(await post(limited, "/login", {}, via=via))
    come_back = int((time.monotonic() - began) / 0.6) + 1  # one of the hundred each 0.6 s

    assert [401, 401, 401, 422] == [answer.status_code for answer in answers]
    for answer, left in zip(answers, (99, 98, 97, 96), strict=True):
        limit, remaining, _ = rate_limit(answer)
        assert 100 == limit
        assert left <= remaining <= min(left + come_back, 99)
    assert all(1 <= rate_limit(answer)[2] <= 3 for answer in answers)
    assert all("retry-after" not in answer.headers for answer in answers)


@pytest.mark.sec("SEC-01", "SEC-12", "SEC-13")
async def test_guesses_at_one_account_are_refused_whether_there_is_one_or_not(
    limited: Client,
    environ: dict[str, str],
    new_name: NewName,
    new_address: NewAddress,
    database: asyncpg.Connection,
) -> None:
    """Over two workers, and a third one that starts later; the owner's session lives on."""
    owner, nobody = new_name(), new_name()
    signed_up = await sign_up(limited, owner, new_address())
    via = new_address()
    async with serving(environ | LIMITED) as second:
        told = {}
        for name in (owner, nobody):
            wrong = {"username": name, "password": "a wrong password that is long"}
            answers = [
                await post((limited, second)[number % 2], "/login", wrong, via=via)
                for number in range(11)
            ]
            assert [401] * 10 == [answer.status_code for answer in answers[:10]]
            told[name] = answers[10]
    async with serving(environ | LIMITED) as later:
        right = {"username": owner, "password": PASSWORD}
        assert 429 == (await post(later, "/login", right, via=via)).status_code
        await no_more_waiting(database, owner)
        assert 200 == (await post(later, "/login", right, via=new_address())).status_code

    for answer in told.values():
        problem = expect_problem(answer, 429, "too_many_requests")
        assert (10, 0) == rate_limit(answer)[:2]
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert owner not in str(problem)
        names = [name for name, _ in answer.headers.raw]
        assert sorted(set(names)) == sorted(names)
    first, second_ = told.values()
    assert first.headers.keys() == second_.headers.keys()
    assert {**first.json(), "request_id": 0} == {**second_.json(), "request_id": 0}
    me = await limited.get(f"{AUTH}/me", headers=bearer(signed_up["access_token"]))
    assert 200 == me.status_code
    refreshed = await post(
        limited, "/refresh", {"refresh_token": signed_up["refresh_token"]}, via=via
    )
    assert 200 == refreshed.status_code


async def test_signing_in_correctly_is_never_too_often_for_the_account(
    limited: Client, new_name: NewName, new_address: NewAddress
) -> None:
    name, via = new_name(), new_address()
    await sign_up(limited, name, via)

    for _ in range(12):
        right = {"username": name, "password": PASSWORD}
        assert 200 == (await post(limited, "/login", right, via=via)).status_code


@pytest.mark.sec("SEC-24")
async def test_a_stolen_session_guesses_the_password_no_faster_than_a_sign_in(
    limited: Client, new_name: NewName, new_address: NewAddress, database: asyncpg.Connection
) -> None:
    """And the attempts are the same ones."""
    name, via = new_name(), new_address()
    token = (await sign_up(limited, name, via))["access_token"]
    wrong = {"password": f"not {PASSWORD}"}

    guesses = [
        await post(limited, "/reauthenticate", wrong, via=via, token=token) for _ in range(11)
    ]

    assert [401] * 10 == [answer.status_code for answer in guesses[:10]]
    expect_problem(guesses[10], 429, "too_many_requests")
    right = {"username": name, "password": PASSWORD}
    expect_problem(await post(limited, "/login", right, via=via), 429, "too_many_requests")
    await no_more_waiting(database, name)
    assert 200 == (await post(limited, "/login", right, via=new_address())).status_code


@pytest.mark.sec("SEC-14")
async def test_one_address_registers_so_many_accounts_in_an_hour(
    limited: Client, new_address: NewAddress
) -> None:
    """Refused bodies count, and moving within a /64 does not help."""
    via = new_address()
    answers = [
        await post(limited, "/register", {}, via=f"{via.removesuffix('1')}{number:x}")
        for number in range(1, 52)
    ]

    assert [422] * 50 == [answer.status_code for answer in answers[:50]]
    expect_problem(answers[50], 429, "too_many_requests")
    assert 422 == (await post(limited, "/register", {}, via=new_address())).status_code


@pytest.mark.sec("SEC-14")
async def test_a_header_of_an_unlisted_peer_changes_nothing(environ: dict[str, str]) -> None:
    own = {"AUTH_TRUSTED_PROXIES": "10.0.0.1", "RATE_LIMIT_REQUESTS": "3"}
    async with serving(environ | LIMITED | own) as client:
        answers = [
            await post(client, "/login", {}, via=f"198.51.100.{number}") for number in range(8)
        ]

    assert 429 in [answer.status_code for answer in answers]


async def test_the_general_budget_is_a_users_own(
    environ: dict[str, str], new_name: NewName, new_address: NewAddress
) -> None:
    own = {"RATE_LIMIT_REQUESTS": "3", "RATE_LIMIT_PERIOD": "86400"}
    async with serving(environ | LIMITED | own) as client:
        tokens = [
            (await sign_up(client, new_name(), new_address()))["access_token"] for _ in range(2)
        ]
        via = new_address()
        for token in tokens:
            for expected in (2, 1, 0):
                answer = await post(client, "/sessions/revoke-others", None, via=via, token=token)
                assert (200, 3, expected) == (answer.status_code, *rate_limit(answer)[:2])
            refused = await post(client, "/sessions/revoke-others", None, via=via, token=token)
            expect_problem(refused, 429, "too_many_requests")
            assert 28_000 < int(refused.headers["retry-after"]) <= 28_800
            for _ in range(5):  # reads are not counted
                read = await client.get(f"{AUTH}/me", headers=bearer(token))
                assert 200 == read.status_code
                assert set() == RATE_LIMIT & read.headers.keys()


async def test_members_of_an_organization_share_ten_budgets(
    environ: dict[str, str],
    new_name: NewName,
    new_address: NewAddress,
    database: asyncpg.Connection,
) -> None:
    own = {"RATE_LIMIT_REQUESTS": "2", "RATE_LIMIT_PERIOD": "86400"}
    async with serving(environ | LIMITED | own) as client:
        members = [await sign_up(client, new_name(), new_address()) for _ in range(11)]
        here = await new_organization(database)
        for member in members:
            await join(database, Person(member), here, "member")
        await database.execute(  # a switch would be counted, too
            "UPDATE sessions SET organization_id = $1 WHERE id = ANY($2)",
            UUID(here),
            [member["session_id"] for member in members],
        )
        statuses = [
            (
                await post(
                    client,
                    "/sessions/revoke-others",
                    None,
                    via=new_address(),
                    token=member["access_token"],
                )
            ).status_code
            for member in members
            for _ in range(2)
        ]

    assert [200] * 20 + [429] * 2 == statuses


async def test_browsers_may_read_the_headers(limited: Client) -> None:
    answer = await limited.get("/health", headers={"Origin": "chrome-extension://abcdefgh"})

    exposed = answer.headers["access-control-expose-headers"].lower()
    assert RATE_LIMIT | {"retry-after"} <= {name.strip() for name in exposed.split(",")}


async def test_development_does_not_limit(client: Client, new_name: NewName) -> None:
    answers = [
        await client.post(f"{AUTH}/dev-login", json={"username": new_name()}) for _ in range(3)
    ]

    assert {401} == {answer.status_code for answer in answers}
    assert set() == RATE_LIMIT & answers[0].headers.keys()


@pytest.mark.sec("SEC-71")
async def test_credential_stuffing_is_told_once(
    limited: Client, new_name: NewName, database: asyncpg.Connection
) -> None:
    network = f"2001:db8:{uuid4().hex[:4].replace('0', '1')}"
    names = [new_name() for _ in range(25)]
    answers = [
        await post(limited, "/login", {"username": name, "password": PASSWORD}, via=f"{network}::1")
        for name in names
    ]
    assert {401} == {answer.status_code for answer in answers}

    rows = await database.fetch(
        "SELECT user_id, payload::text FROM outbox WHERE payload->>'source' = $1",
        f"{network}::/48",
    )
    [row] = rows
    assert None is row["user_id"]
    assert '"accounts": 20' in row["payload"]
    assert [] == [name for name in names if name in row["payload"]]


async def test_a_limiter_that_breaks_with_redis_never_breaks_an_answer(
    environ: dict[str, str], new_name: NewName, tmp_path: Any, new_address: NewAddress
) -> None:
    """Nobody listens there: the process counts, and readiness says degraded."""
    nowhere = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    async with serving(environ | LIMITED | nowhere) as client:
        ready = await client.get("/health/ready")
        assert "degraded" == ready.json()["status"]
        via, name = new_address(), new_name()
        wrong = {"username": name, "password": PASSWORD}
        statuses = [
            answer.status_code
            for answer in await asyncio.gather(
                *(post(client, "/login", wrong, via=via) for _ in range(8))
            )
        ]

    assert [401] * 2 + [429] * 6 == sorted(statuses)


@pytest.mark.sec("SEC-14")
async def test_a_session_keeps_the_address_that_the_proxy_saw(
    environ: dict[str, str], new_name: NewName
) -> None:
    assert load_settings(environ | LIMITED).sessions.ip_detail == "network"
    async with serving(environ | LIMITED) as client:
        tokens = await sign_up(client, new_name(), "198.51.100.77")
        page = await client.get(f"{AUTH}/sessions", headers=bearer(tokens["access_token"]))

    assert ["198.51.100.0/24"] == [item["ip_address"] for item in page.json()["items"]]


@pytest.mark.sec("SEC-52")
async def test_nobody_floods_the_trail_with_what_they_are_refused(
    limited: Client, new_name: NewName, new_address: NewAddress, database: asyncpg.Connection
) -> None:
    """Reading is not limited, and each refusal on record is a commit."""
    signed_in = await sign_up(limited, new_name(), new_address())
    headers, tries = bearer(signed_in["access_token"]), 150

    refused = {
        (await limited.get(f"{AUTH}/users", headers=headers)).status_code for _ in range(tries)
    }

    counted = await database.fetchval(
        "SELECT count(*) FROM audit_records WHERE user_id = $1 AND action = 'access:denied'",
        UUID(signed_in["user"]["user_id"]),
    )
    assert {403} == refused
    assert 60 <= counted < tries


@pytest.mark.sec("SEC-02", "SEC-13")
@pytest.mark.parametrize("route", ["/forgot-password", "/verify-email/resend"])
async def test_nobody_floods_a_mailbox(
    limited: Client, new_name: NewName, new_address: NewAddress, route: str
) -> None:
    """From however many addresses, and whether there is an account or not."""
    owner, nobody = f"{new_name()}@example.com", f"{new_name()}@example.com"
    signing_up = {"username": new_name(), "email": owner, "password": PASSWORD}
    assert 201 == (await post(limited, "/register", signing_up, via=new_address())).status_code

    for email, left in ((owner, 4), (nobody, 5)):  # the registration has sent the owner a letter
        answers = [
            await post(limited, route, {"email": email}, via=new_address()) for _ in range(left + 1)
        ]
        assert [202] * left + [429] == [answer.status_code for answer in answers]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 3600
