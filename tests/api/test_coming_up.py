"""A worker whose servers are missing starts all the same, and says so in what it answers."""

import pytest

from app.container import Container
from app.settings import load_settings


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


async def test_a_request_id_and_a_correlation_id_are_echoed_each_for_itself(client) -> None:
    given = {"X-Request-ID": "one", "X-Correlation-ID": "two"}

    answer = await client.get("/health", headers=given)

    assert ("one", "two") == (answer.headers["x-request-id"], answer.headers["x-correlation-id"])
