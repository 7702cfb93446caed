"""A worker whose servers are missing starts all the same, and says so in what it answers."""

import secrets

import pytest

from app.container import Container
from app.main import create_app
from app.settings import load_settings
from auth_core.kernel import WrongMasterKey
from tests.serving import Client


@pytest.mark.sec("SEC-72")
async def test_a_worker_that_migrates_starts_without_postgresql(environ: dict[str, str]) -> None:
    missing = {
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nonexistent",
        "AUTH_MIGRATE_ON_START": "true",
    }
    container = Container(load_settings(environ | missing))

    await container.start()

    assert not await container.health.database()
    await container.close()


async def test_a_start_that_is_refused_closes_what_it_opened(
    environ: dict[str, str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``client`` has made keys that another master key does not open."""
    container = Container(load_settings(environ | {"AUTH_MASTER_KEY": secrets.token_hex(32)}))
    closed, close = [], container.close

    async def note() -> None:
        await close()
        closed.append(container)

    monkeypatch.setattr(container, "close", note)

    with pytest.raises(ExceptionGroup) as refused:
        async with create_app(container).lifespan():
            pass

    assert refused.group_contains(WrongMasterKey)
    assert [container] == closed


async def test_a_request_id_and_a_correlation_id_are_echoed_each_for_itself(client) -> None:
    given = {"X-Request-ID": "one", "X-Correlation-ID": "two"}

    answer = await client.get("/health", headers=given)

    assert ("one", "two") == (answer.headers["x-request-id"], answer.headers["x-correlation-id"])
