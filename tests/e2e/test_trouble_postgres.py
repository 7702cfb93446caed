"""PostgreSQL is down, killed, hanging, restarted: 503, never a wrong answer, nothing lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from adapters.embedded import EmbeddedServers
from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    Services,
    assert_unavailable,
    eventually,
    new_name,
    sql,
)


@contextmanager
def traffic(service: Service) -> Iterator[tuple[list[str], list[int]]]:
    """Registrations all the time: the names that were acknowledged, and every status."""
    acknowledged: list[str] = []
    statuses: list[int] = []
    enough = threading.Event()

    def register() -> None:
        with httpx.Client(base_url=service.url, timeout=ANSWER_SECONDS, trust_env=False) as client:
            while not enough.is_set():
                name = new_name()
                answer = client.post("/api/v1/auth/dev-register", json={"username": name})
                statuses.append(answer.status_code)
                if answer.status_code == 201:
                    acknowledged.append(name)

    threads = [threading.Thread(target=register) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged, statuses
    finally:
        enough.set()
        for thread in threads:
            thread.join(2 * ANSWER_SECONDS)


@pytest.mark.sec("SEC-72")
def test_without_postgresql_at_the_start_it_serves_503_and_comes_out_of_it_by_itself(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    external.postgres.stop()
    service = services(settings).start()

    for answer in (
        service.get("/health/ready"),
        service.post("dev-register", {"username": "somebody"}),
        service.post("dev-login", {"username": "somebody"}),
        service.get("/.well-known/jwks.json"),
        service.get("/api/v1/auth/me", "e30.e30.e30"),
    ):
        assert answer.status_code in {401, 503}
        if answer.status_code == 503:
            assert_unavailable(answer)
    assert_unavailable(service.get("/health/ready"))
    assert 200 == service.get("/health").status_code
    degraded = service.get("/api/v1/auth/health").json()
    assert ("degraded", "unhealthy") == (degraded["status"], degraded["services"]["database"])

    external.start()
    service.until("ready")

    assert 200 == service.check(service.register()[1])


@pytest.mark.sec("SEC-72", "SEC-33")
def test_postgresql_killed_under_load_loses_no_acknowledged_registration_and_answers_503(
    deployed: Service, external: EmbeddedServers
) -> None:
    with traffic(deployed) as (acknowledged, statuses):
        eventually(lambda: len(acknowledged) > 20)
        external.postgres.kill()
        eventually(lambda: 503 in statuses)
        external.start()
        count = len(acknowledged)
        eventually(lambda: len(acknowledged) > count + 20)

    assert {201, 503} == set(statuses), deployed.output
    rows = sql(deployed._settings["DATABASE_OWNER_URL"], "SELECT username FROM users")
    assert set() == set(acknowledged) - {name for (name,) in rows}
    assert 200 == deployed.check(deployed.log_in(acknowledged[0]))


@pytest.mark.sec("SEC-72")
def test_while_postgresql_is_away_warm_tokens_work_for_the_cache_lifetime_and_no_longer(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    lifetime = 8
    service = services({**settings, "AUTH_SESSION_CACHE_SECONDS": str(lifetime)}).start()
    name, token = service.register()
    cold = service.log_in(name)
    ended = service.log_in(name)
    service.log_out(ended)
    assert 200 == service.check(token)
    external.postgres.kill()
    killed = time.monotonic()

    assert 200 == service.check(token)
    assert_unavailable(service.get("/api/v1/auth/me", cold))
    assert service.check(ended) in {401, 503}
    for answer in (
        service.post("dev-register", {"username": new_name()}),
        service.post("dev-login", {"username": name}),
        service.post("logout", token=token),
        service.get("/health/ready"),
    ):
        assert_unavailable(answer)
    assert 200 == service.get("/.well-known/jwks.json").status_code
    answered = [(killed, 200)]

    def turned_away() -> bool:
        asked = time.monotonic()
        answered.append((asked, service.check(token)))
        return answered[-1][1] != 200

    eventually(turned_away)
    assert 503 == answered[-1][1]
    # nothing was cached any more after PostgreSQL was gone
    assert lifetime + 1 > answered[-2][0] - killed
    external.start()
    service.until("ready")
    assert (200, 200, 401) == tuple(service.check(t) for t in (token, cold, ended))


@pytest.mark.sec("SEC-72")
def test_with_both_servers_away_every_token_gets_503_and_never_a_pass(
    deployed: Service, external: EmbeddedServers
) -> None:
    name, token = deployed.register()
    ended = deployed.log_in(name)
    deployed.log_out(ended)
    assert {200} == deployed.checks(token)

    external.valkey.kill()
    external.postgres.kill()

    assert {503} == deployed.checks(token) | deployed.checks(ended)
    assert_unavailable(deployed.post("logout", token=token))
    assert 200 == deployed.get("/health").status_code
    external.start()
    deployed.until("ready")
    assert ({200}, {401}) == (deployed.checks(token), deployed.checks(ended))


def test_a_restart_of_postgresql_needs_no_restart_of_the_service(
    deployed: Service, external: EmbeddedServers
) -> None:
    _, token = deployed.register()
    assert {200} == deployed.checks(token)

    external.postgres.stop()
    external.start()

    deployed.until("ready")
    assert {200} == deployed.checks(token)
    assert 200 == deployed.check(deployed.register()[1])


@pytest.mark.sec("SEC-72")
def test_a_hanging_postgresql_is_503_in_bounded_time(
    deployed: Service, external: EmbeddedServers
) -> None:
    _, token = deployed.register()
    assert {200} == deployed.checks(token)
    postmaster = external.postgres.pid
    assert postmaster is not None
    os.kill(postmaster, signal.SIGSTOP)  # first: then there are no more backends than these
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    hanging = [postmaster, *map(int, children)]
    for process in hanging:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert_unavailable(deployed.post("dev-register", {"username": new_name()}))
        assert 40 > time.monotonic() - began
        assert 200 == deployed.check(token)
        assert 200 == deployed.get("/health").status_code
    finally:
        for process in hanging:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
    deployed.until("ready")
    assert 200 == deployed.check(deployed.register()[1])


@pytest.mark.sec("SEC-72")
def test_a_read_only_database_refuses_writes_with_503_and_serves_what_it_can(
    deployed: Service, external: EmbeddedServers
) -> None:
    name, token = deployed.register()
    admin = external.start().database_url
    database = sql(deployed._settings["DATABASE_OWNER_URL"], "SELECT current_database()")[0][0]
    sql(admin, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    sql(admin, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{database}'")
    try:
        eventually(lambda: deployed.check(token) == 200)
        assert_unavailable(deployed.post("dev-register", {"username": new_name()}))
        assert_unavailable(deployed.post("dev-login", {"username": name}))
        assert_unavailable(deployed.post("logout", token=token))
        assert 200 == deployed.check(token)
    finally:
        sql(admin, f"ALTER DATABASE {database} RESET default_transaction_read_only")
        sql(
            admin,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{database}'",
        )
    deployed.until("ready")
    eventually(lambda: deployed.post("dev-login", {"username": name}).status_code == 200)
