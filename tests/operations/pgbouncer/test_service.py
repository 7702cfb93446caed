"""The whole service behind PgBouncer in transaction mode, with few server connections."""

import asyncio
import json
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from adapters.postgres import Database, PostgresUnitOfWork
from app.doctor import Finding, Level, examine, told
from app.settings import load_settings
from auth_core.kernel import Secret, Unavailable
from auth_core.testing.contracts.making import stored_user
from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    assert_unavailable,
    eventually,
    fm_auth,
    new_name,
    services_in,
    sql,
)
from tests.integration.postgres.conftest import MakeDatabase
from tests.operations.pgbouncer.bouncer import PgBouncer, running_pgbouncer
from tests.operations.pgbouncer.conftest import SERVERS
from tests.service_role import as_service, migrate

CALLERS = 8
VISITS = 4


@pytest.fixture
async def own_url(make_database: MakeDatabase) -> str:
    """A migrated database of this test's, for its owner."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    return url.reveal()


@pytest.fixture
def own_bouncer(own_url: str) -> Iterator[PgBouncer]:
    """One to ill-treat."""
    with running_pgbouncer(own_url, size=SERVERS) as bouncer:
        yield bouncer


@pytest.fixture
def settings(own_bouncer: PgBouncer, own_url: str, redis_url: str) -> dict[str, str]:
    """The service goes through PgBouncer, migrations go past it."""
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": own_bouncer.url(as_service(own_url)),
        "DATABASE_OWNER_URL": own_url,
        "REDIS_URL": redis_url,
        "AUTH_MASTER_KEY": secrets.token_hex(32),
        "LOG_FORMAT": "json",
        "RATE_LIMIT_ENABLED": "false",
    }


@pytest.fixture
def service(settings: dict[str, str]) -> Iterator[Service]:
    """Two workers with their tasks."""
    with services_in(Path(tempfile.mkdtemp(prefix="fm-pgs-"))) as services:
        yield services({**settings, "WORKERS": "2"}).start()


def visit(service: Service) -> list[tuple[str, int]]:
    """One person comes, works and leaves: each step and the status of its answer."""
    with httpx.Client(base_url=service.url, timeout=ANSWER_SECONDS, trust_env=False) as client:
        statuses: list[tuple[str, int]] = []

        def ask(step: str, method: str, path: str, token: str = "", **options: object) -> dict:
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.request(method, path, headers=bearer, **options)  # type: ignore[arg-type]
            statuses.append((step, answer.status_code))
            return answer.json() if answer.is_success else {}

        auth = "/api/v1/auth"
        name = {"username": new_name()}
        ask("register", "POST", f"{auth}/dev-register", json=name)
        body = ask("log in", "POST", f"{auth}/dev-login", json=name)
        body = ask(
            "refresh", "POST", f"{auth}/refresh", json={"refresh_token": body["refresh_token"]}
        )
        token = body["access_token"]
        slug = f"acme-{secrets.token_hex(6)}"
        made = ask(
            "found", "POST", "/api/v1/organizations", token, json={"name": "Acme", "slug": slug}
        )
        place = f"/api/v1/organizations/{made['organization']['organization_id']}"
        ask("team", "POST", f"{place}/teams", token, json={"name": "Team"})
        members = ask("members", "GET", f"{place}/members", token)
        assert [body["user"]["user_id"]] == [each["user_id"] for each in members["items"]]
        ask("profile", "PATCH", f"{auth}/me", token, json={"display_name": "Somebody"})
        ask("log out", "POST", f"{auth}/logout", token)
        ask("after", "GET", f"{auth}/me", token)
        return statuses


def test_two_workers_and_their_tasks_share_three_server_connections(
    service: Service, settings: dict[str, str], own_bouncer: PgBouncer
) -> None:
    with ThreadPoolExecutor(CALLERS) as callers:
        visits = [callers.submit(visit, service) for _ in range(CALLERS * VISITS)]
        seen = Counter(status for each in visits for status in each.result())

    count = CALLERS * VISITS
    created = {"register": 201, "found": 201, "team": 201, "after": 401}
    steps = [step for step, _ in visits[0].result()]
    assert {(step, created.get(step, 200)): count for step in steps} == dict(seen)
    database = settings["DATABASE_OWNER_URL"].partition("?")[0].rpartition("/")[2]
    assert SERVERS >= own_bouncer.servers(database) > 0

    rotated = fm_auth("key", "rotate", settings=settings)
    assert 0 == rotated.returncode, rotated.stderr
    worked = fm_auth("worker", "--once", settings=settings)
    assert 0 == worked.returncode, worked.stderr
    verified = fm_auth("audit", "verify", settings=settings)
    assert 0 == verified.returncode, verified.stdout + verified.stderr
    eventually(lambda: _all_events_are_out(settings))
    lines = [json.loads(line) for line in service.output.splitlines() if line.startswith("{")]
    assert [] == [line for line in lines if line["level"] in {"error", "critical"}]


def _all_events_are_out(settings: dict[str, str]) -> bool:
    owner = settings["DATABASE_OWNER_URL"]
    [(left,)] = sql(owner, "SELECT count(*) FROM outbox WHERE position IS NULL")
    status = fm_auth("events", "status", settings=settings).stdout
    return left == 0 and " 0 " in status.splitlines()[0]


@pytest.mark.sec("SEC-72")
def test_a_pgbouncer_that_is_killed_or_hangs_is_503_and_is_used_again_when_it_is_back(
    service: Service, own_bouncer: PgBouncer
) -> None:
    name, token = service.register()
    assert {200} == service.checks(token)

    own_bouncer.kill()
    assert_unavailable(service.post("dev-login", {"username": name}))
    assert 200 == service.check(token)
    own_bouncer.start()
    service.until("ready")
    assert 200 == service.check(service.log_in(name))

    own_bouncer.freeze()
    try:
        assert_unavailable(service.post("dev-login", {"username": name}))
    finally:
        own_bouncer.thaw()
    # 1.18 may end itself ("bad client state") over all that it finds then; its supervisor starts it
    own_bouncer.kill()
    own_bouncer.start()
    service.until("ready")
    assert 200 == service.check(service.log_in(name))


@pytest.mark.sec("SEC-72")
async def test_when_all_its_server_connections_are_taken_the_next_is_unavailable(
    own_bouncer: PgBouncer, own_url: str
) -> None:
    """It lets clients wait; we do so for as long as a statement may take, and no longer."""
    database = Database(Secret(own_bouncer.url(as_service(own_url))), command_timeout=2)
    uows = [PostgresUnitOfWork(database) for _ in range(SERVERS)]
    try:
        for uow in uows:
            await uow.__aenter__()
            await uow._entered._begin()
        with pytest.raises(Unavailable):
            await stored_user(lambda: PostgresUnitOfWork(database))
        for uow in uows:
            await uow.__aexit__(None, None, None)
        await stored_user(lambda: PostgresUnitOfWork(database))
    finally:
        await database.close()


def test_a_migration_does_not_run_through_it(
    settings: dict[str, str], own_bouncer: PgBouncer, own_url: str
) -> None:
    """Its lock would stay with a server connection, and the next migration would wait for it."""
    through = fm_auth(
        "migrate", settings=settings | {"DATABASE_OWNER_URL": own_bouncer.url(own_url)}
    )
    past = fm_auth("migrate", settings=settings)

    assert 78 == through.returncode
    assert "Let DATABASE_OWNER_URL lead to PostgreSQL itself." in through.stderr
    assert 0 == past.returncode, past.stderr
    assert [] == sql(own_url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")


async def test_doctor_says_what_is_in_between_and_what_is_wrong_with_it(
    settings: dict[str, str], own_bouncer: PgBouncer, own_url: str
) -> None:
    well = await _postgresql(settings)
    through = await _postgresql(settings | {"DATABASE_OWNER_URL": own_bouncer.url(own_url)})
    alone = await _postgresql(
        {name: value for name, value in settings.items() if name != "DATABASE_OWNER_URL"}
    )
    with running_pgbouncer(own_url, size=SERVERS, mode="statement") as breaking:
        url = breaking.url(as_service(own_url))
        broken = await _postgresql(settings | {"DATABASE_URL": url})

    assert [Level.OK] * 2 == [found.level for found in well]
    assert "through a connection pooler" in _said(well)
    assert (Level.ERROR, True) == (through[-1].level, "PostgreSQL itself" in _said(through))
    assert (Level.WARNING, True) == (alone[-1].level, "DATABASE_OWNER_URL" in _said(alone))
    assert "set pool_mode = transaction" in _said(broken)


async def _postgresql(environ: dict[str, str]) -> list[Finding]:
    findings = [found async for found in examine(load_settings(environ))]
    return [found for found in findings if found.about == "postgresql"]


def _said(findings: list[Finding]) -> str:
    return "\n".join(told(findings))
