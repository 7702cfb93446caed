"""Databases of their own for these tests, on the server of the run."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from adapters.crypto import EnvelopeSealer
from adapters.embedded.servers import EmbeddedServers
from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.url import dsn
from adapters.system import SystemClock, SystemEntropy, SystemIds
from auth_core.core import Core, Options, Ports
from auth_core.kernel import Secret
from auth_core.mail import LetterVault
from auth_core.self_service import SelfServicePolicy
from auth_core.testing import in_memory_core
from tests.service_role import as_service, migrate

VAULT = LetterVault(EnvelopeSealer(Secret(b"k" * 32)))

MakeDatabase = Callable[[], Awaitable[Secret[str]]]


class Servers(Protocol):
    """What `tests/conftest.py` starts."""

    database_url: str


@pytest.fixture(scope="session")
def server_url(servers: Servers) -> Secret[str]:
    """A server on which databases may be made."""
    return Secret(servers.database_url)


@pytest.fixture(scope="session")
async def make_database(server_url: Secret[str]) -> AsyncIterator[MakeDatabase]:
    """Makes an empty database of its own; all are dropped at the end."""
    made: list[str] = []
    admin = await asyncpg.connect(dsn(server_url))

    async def make() -> Secret[str]:
        made.append(f"test_{secrets.token_hex(8)}")
        await admin.execute(f"CREATE DATABASE {made[-1]}")
        return in_database(server_url, made[-1])

    yield make
    for name in made:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def in_database(url: Secret[str], name: str) -> Secret[str]:
    """The same server, another database."""
    head, separator, query = url.reveal().partition("?")
    return Secret(f"{head.rpartition('/')[0]}/{name}{separator}{query}")


@pytest.fixture(scope="session")
async def postgres_url(make_database: MakeDatabase) -> Secret[str]:
    """A migrated database, for its owner. Not that of the other tests: keys are removed here."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture(scope="session")
def service_url(postgres_url: Secret[str]) -> Secret[str]:
    """The same for the service, whose role owns nothing."""
    return Secret(as_service(postgres_url.reveal()))


@pytest.fixture(scope="session")
async def database(service_url: Secret[str]) -> AsyncIterator[Database]:
    database = Database(service_url, pool_size=10, max_overflow=10)
    yield database
    await database.close()


@pytest.fixture
def unit_of_work(database: Database) -> Callable[[], PostgresUnitOfWork]:
    return lambda: PostgresUnitOfWork(database, VAULT)


@pytest.fixture
async def ports(
    unit_of_work: Callable[[], PostgresUnitOfWork], observer: asyncpg.Connection
) -> Ports:
    """The truth is PostgreSQL; sessions are cached in memory, passwords cost nothing."""
    await observer.execute("TRUNCATE signing_keys, departed_keys")  # toy keys are nobody else's
    memory = in_memory_core()
    toys = {name: getattr(memory.ports, name) for name in Ports.__struct_fields__}
    real = {
        "unit_of_work": unit_of_work,
        "sealer": EnvelopeSealer(Secret(b"k" * 32)),
        "clock": SystemClock(),
        "ids": SystemIds(),
        "entropy": SystemEntropy(),
    }
    return Ports(**(toys | real))


@pytest.fixture
def core(ports: Ports) -> Core:
    """A core on those, where mail signs in."""
    return Core(ports, Options(self_service=SelfServicePolicy(email_sign_in=True)))


@pytest.fixture
async def observer(postgres_url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner's that looks at what the adapter has done."""
    connection = await asyncpg.connect(dsn(postgres_url))
    yield connection
    await connection.close()


@pytest.fixture
def own_servers(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """Servers for one test to ill-treat."""
    servers = EmbeddedServers(tmp_path / "data", durable=False)
    with servers:
        yield servers
