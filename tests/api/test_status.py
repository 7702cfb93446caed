"""Who this is and how it is doing: /, /health, /health/ready, /api/v1/auth/health and /config."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib.metadata import version

import pytest

from tests.api.asking import AUTH, expect_problem
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]

NOWHERE = "127.0.0.1:1"


@pytest.fixture(scope="module")
async def without_redis(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker that has PostgreSQL only."""
    async with serving(environ | {"REDIS_URL": f"redis://{NOWHERE}/0"}) as client:
        yield client


@pytest.fixture(scope="module")
async def without_postgres(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker that has Redis only."""
    async with serving(environ | {"DATABASE_URL": f"postgresql://x:y@{NOWHERE}/z"}) as client:
        yield client


async def test_the_root_says_what_this_is(client: Client) -> None:
    answer = await client.get("/")

    assert 200 == answer.status_code
    assert {
        "service": "fm-auth-service",
        "version": version("fm-auth-service"),
        "description": "Authentication and user management",
        "docs": "/docs",
        "health": "/health",
    } == answer.json()


@pytest.mark.parametrize(
    ("worker", "environment"),
    [
        ("client", "development"),
        ("production", "production"),
        ("without_redis", "development"),
        ("without_postgres", "development"),
    ],
    indirect=["worker"],
)
async def test_liveness_asks_nobody(worker: Client, environment: str) -> None:
    answer = await worker.get("/health")

    assert 200 == answer.status_code
    assert {
        "status": "healthy",
        "service": "fm-auth-service",
        "version": version("fm-auth-service"),
        "environment": environment,
    } == answer.json()


async def test_a_service_with_both_servers_is_ready(client: Client) -> None:
    answer = await client.get("/health/ready")
    async with asyncio.timeout(60):  # on a busy machine Redis may just have been too slow
        while answer.json().get("status") != "ready":
            await asyncio.sleep(0.05)
            answer = await client.get("/health/ready")

    assert (200, {"status": "ready", "database": "healthy", "redis": "healthy"}) == (
        answer.status_code,
        answer.json(),
    )


async def test_a_service_without_redis_is_ready_and_slower(without_redis: Client) -> None:
    answer = await without_redis.get("/health/ready")

    assert (200, {"status": "degraded", "database": "healthy", "redis": "unhealthy"}) == (
        answer.status_code,
        answer.json(),
    )


async def test_a_service_without_postgresql_is_not_ready(without_postgres: Client) -> None:
    answer = await without_postgres.get("/health/ready")

    expect_problem(answer, 503, "service_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("worker", "status", "services"),
    [
        ("client", "healthy", ("healthy", "healthy", "healthy", "healthy")),
        ("without_redis", "degraded", ("unhealthy", "healthy", "healthy", "healthy")),
        # a cache that cannot be checked against PostgreSQL is not used
        ("without_postgres", "degraded", ("unhealthy",) * 4),
    ],
    indirect=["worker"],
)
async def test_health_is_always_200_and_tells_by_part(
    worker: Client, status: str, services: tuple[str, ...]
) -> None:
    answer = await worker.get(f"{AUTH}/health")

    body = answer.json()
    parts = ("redis", "database", "token_manager", "user_store")
    assert 200 == answer.status_code
    assert {"status", "timestamp", "services"} == body.keys()
    assert status == body["status"]
    assert dict(zip(parts, services, strict=True)) == body["services"]
    assert body["timestamp"].endswith("+00:00")
    age = datetime.now(UTC) - datetime.fromisoformat(body["timestamp"])  # noqa: TID251
    assert abs(age.total_seconds()) < 60


async def test_without_redis_a_person_registers_reads_themselves_and_logs_out(
    without_redis: Client, new_name: NewName
) -> None:
    fresh = await without_redis.post(f"{AUTH}/dev-register", json={"username": new_name()})
    token = bearer(fresh.json()["access_token"])

    assert 200 == (await without_redis.get(f"{AUTH}/me", headers=token)).status_code
    assert 200 == (await without_redis.post(f"{AUTH}/logout", headers=token)).status_code
    expect_problem(await without_redis.get(f"{AUTH}/me", headers=token), 401, "invalid_token")


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("route", ["dev-register", "dev-login", "register", "login"])
async def test_without_postgresql_nobody_signs_in(without_postgres: Client, route: str) -> None:
    answer = await without_postgres.post(f"{AUTH}/{route}", json={"username": "john.doe"})

    expect_problem(answer, 503, "service_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize(("method", "route"), [("GET", "me"), ("POST", "logout")])
async def test_without_postgresql_nobody_is_let_in_unchecked(
    client: Client, without_postgres: Client, new_name: NewName, method: str, route: str
) -> None:
    fresh = await client.post(f"{AUTH}/dev-register", json={"username": new_name()})
    token = bearer(fresh.json()["access_token"])

    answer = await without_postgres.request(method, f"{AUTH}/{route}", headers=token)

    expect_problem(answer, 503, "service_unavailable")


@pytest.mark.parametrize(
    ("worker", "prefix"),
    [("client", f"{AUTH}/dev-"), ("production", f"{AUTH}/")],
    indirect=["worker"],
)
async def test_the_configuration_is_what_clients_need_to_stay_with_local_sign_in(
    worker: Client, prefix: str
) -> None:
    answer = await worker.get(f"{AUTH}/config")

    assert 200 == answer.status_code
    assert {
        "auth_mode": "local",
        "login_endpoint": f"{prefix}login",
        "register_endpoint": f"{prefix}register",
        "supports_registration": True,
        "oauth": None,
        "provider": "local",
        "login_url": None,
        "features": {
            "supports_registration": True,
            "supports_password_reset": True,
            "supports_email_verification": True,
            "requires_redirect": False,
        },
    } == answer.json()
