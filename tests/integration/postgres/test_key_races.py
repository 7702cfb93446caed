"""Many processes that look after the same keys at once, on a real PostgreSQL (SEC-45)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from adapters.crypto import EnvelopeSealer, JoseKeyGenerator
from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.url import dsn
from adapters.system import SystemClock, SystemIds
from auth_core.kernel import ConcurrentUpdate, KeyNotFound, Secret
from auth_core.keys import KeyService, KeyStatus, KeyUse, RotationPolicy
from auth_core.testing import ManualClock
from tests.integration.postgres.conftest import MakeDatabase
from tests.service_role import as_service, migrate

PROCESSES = 4
CALLERS = 16
POLICY = RotationPolicy(lifetimes=dict.fromkeys(KeyUse, timedelta(hours=1)))


class Deployment:
    """Processes with a pool, a ring and callers of their own, over one database."""

    def __init__(self, databases: list[Database], observer: asyncpg.Connection) -> None:
        self.clock = ManualClock(SystemClock().now())
        self.observer = observer
        self.databases = databases
        self.sealer = EnvelopeSealer(Secret(secrets.token_bytes(32)))
        self.services = [self.service(database) for database in databases]

    def service(self, database: Database) -> KeyService:
        return KeyService(
            lambda: PostgresUnitOfWork(database),
            self.sealer,
            JoseKeyGenerator(self.clock, access_algorithm="ES256"),
            self.clock,
            SystemIds(),
            POLICY,
        )

    async def at_once(self, call: Callable[[KeyService], Awaitable[object]]) -> list[object]:
        """The outcomes of all callers, four in each process."""
        services = (self.services * CALLERS)[:CALLERS]
        return await asyncio.gather(*map(call, services), return_exceptions=True)

    async def statuses(self, use: KeyUse = KeyUse.ACCESS) -> list[str]:
        rows = await self.observer.fetch(
            "SELECT status FROM signing_keys WHERE use = $1 ORDER BY status", use.value
        )
        return [row["status"] for row in rows]

    async def rotations(self, use: KeyUse = KeyUse.ACCESS) -> int:
        return await self.observer.fetchval(
            "SELECT count(*) FROM outbox WHERE type = 'key.rotated' AND payload->>'use' = $1",
            use.value,
        )


@pytest.fixture
async def deployment(make_database: MakeDatabase) -> AsyncIterator[Deployment]:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    databases = [
        Database(Secret(as_service(url.reveal())), pool_size=4, max_overflow=0)
        for _ in range(PROCESSES)
    ]
    observer = await asyncpg.connect(dsn(url))
    made = Deployment(databases, observer)
    yield made
    for service in made.services:
        await service.close()
    await observer.close()
    for database in databases:
        await database.close()


async def test_many_first_starts_make_one_key_per_use(deployment: Deployment) -> None:
    rings = await deployment.at_once(lambda keys: keys.ring())

    assert {KeyUse.ACCESS: ["active"], KeyUse.REFRESH: ["active"]} == {
        use: await deployment.statuses(use) for use in KeyUse
    }
    assert 1 == len({ring.active(KeyUse.ACCESS).kid for ring in rings})


@pytest.mark.sec("SEC-45")
async def test_many_who_tend_the_keys_rotate_them_once(deployment: Deployment) -> None:
    await deployment.services[0].ring()
    deployment.clock.advance(POLICY.period)

    published = await deployment.at_once(lambda keys: keys.tend())
    assert ["active", "next"] == await deployment.statuses()
    deployment.clock.advance(POLICY.lead)
    activated = await deployment.at_once(lambda keys: keys.tend())

    for outcomes in (published, activated):
        assert [] == [each for each in outcomes if isinstance(each, BaseException)]
        assert 1 == sum(bool(outcome) for outcome in outcomes)
    for use in KeyUse:
        assert ["active", "retired"] == await deployment.statuses(use)
        assert 1 == await deployment.rotations(use)


@pytest.mark.sec("SEC-45")
async def test_a_command_and_the_clock_rotate_once_together(deployment: Deployment) -> None:
    await deployment.services[0].ring()
    await deployment.at_once(lambda keys: keys.rotate(KeyUse.ACCESS))
    assert ["active", "next"] == await deployment.statuses()
    deployment.clock.advance(POLICY.lead)

    outcomes = await asyncio.gather(
        deployment.at_once(lambda keys: keys.tend()),
        deployment.services[0].rotate(KeyUse.ACCESS),
    )

    assert [] == [each for each in outcomes[0] if isinstance(each, BaseException)]
    # whoever commands after the clock has acted begins the next rotation, which is not due yet
    assert await deployment.statuses() in (["active", "retired"], ["active", "next", "retired"])
    assert 1 == await deployment.rotations()


@pytest.mark.sec("SEC-45")
async def test_many_who_revoke_a_key_put_one_in_its_place(deployment: Deployment) -> None:
    ring = await deployment.services[0].ring()
    kid = ring.active(KeyUse.ACCESS).kid

    outcomes = await deployment.at_once(lambda keys: keys.revoke(kid))

    [successor] = [each for each in outcomes if not isinstance(each, BaseException)]
    assert KeyStatus.ACTIVE is successor.status
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, KeyNotFound | ConcurrentUpdate) for each in refused)
    assert (["active"], 1) == (await deployment.statuses(), await deployment.rotations())
    assert successor.kid == await deployment.observer.fetchval(
        "SELECT kid FROM signing_keys WHERE use = 'access'"
    )
