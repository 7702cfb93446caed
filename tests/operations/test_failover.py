"""A standby is promoted after its primary was killed; a running service finds it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.e2e.running import ANSWER_SECONDS, assert_unavailable, eventually, sql
from tests.operations.postgres_process import OWNER, SERVICE, PostgresProcess, own
from tests.operations.restoring import House, commands, new_house

PAGE = "postgresql-failover.md"


@pytest.fixture
def house() -> Iterator[House]:
    with new_house() as made:
        yield made


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
def test_no_logout_that_was_answered_is_lost_with_the_primary(house: House) -> None:
    standby = PostgresProcess(house.folder / "standby")
    both = f"127.0.0.1:{house.postgres.port},127.0.0.1:{standby.port}"
    query = "fm_auth?target_session_attrs=primary"
    settings = house.settings | {
        "DATABASE_URL": f"postgresql://{SERVICE}@{both}/{query}",
        "DATABASE_OWNER_URL": f"postgresql://{OWNER}@{both}/{query}",
        "WORKERS": "2",
    }
    with ExitStack() as ending:
        ending.callback(standby.kill)
        make_standby(house, standby)
        service = house.services(settings).start()
        name, alive = service.register()
        ended = [service.log_in(name) for _ in range(5)]
        assert 200 == service.check(alive)
        for token in ended:
            service.log_out(token)
        house.postgres.kill()
        # the machine is off: nothing is refused there, and nothing answered
        off = socket.create_server(("127.0.0.1", house.postgres.port))
        ending.callback(off.close)
        assert_unavailable(service.post("dev-login", {"username": name}))
        promoted = {"STANDBY_URL": standby.url()}
        commands(house, "Fail over", page=PAGE, settings=promoted)

        service.until("ready")
        assert 200 == eventually(lambda: signs_in(service.url, name))
        house.restart_redis()
        service.until("ready")
        assert {200} == service.checks(alive, times=1)
        for token in ended:
            assert {401} == service.checks(token, times=1)

        require_a_standby(standby)  # and there is none: nothing is acknowledged that one disk has
        assert_unavailable(service.post("logout", token=alive))


def make_standby(house: House, standby: PostgresProcess) -> None:
    """As the runbook has it."""
    commands(house, "Make a standby", page=PAGE)
    own(standby.folder)
    standby.start()
    commands(house, "Let commits wait for it", page=PAGE)


def require_a_standby(postgres: PostgresProcess) -> None:
    sql(postgres.url(), "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
    sql(postgres.url(), "SELECT pg_reload_conf()")
    shown = "SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'"
    eventually(lambda: sql(postgres.url(), shown) == [("ANY 1 (*)",)])


def signs_in(url: str, name: str) -> int:
    with suppress(httpx.TransportError):
        answer = httpx.post(
            f"{url}/api/v1/auth/dev-login",
            json={"username": name},
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )
        return answer.status_code if answer.is_success else 0
    return 0
