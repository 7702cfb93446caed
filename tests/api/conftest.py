"""The whole application over real servers, in this process."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import asyncpg
import pytest

from tests.api.people import People
from tests.mailbox import Mailbox, mailbox_of
from tests.serving import Client, development, serving

PRODUCTION = {
    "ENVIRONMENT": "production",
    "REGISTRATION_MODE": "open",
    "RATE_LIMIT_ENABLED": "false",
}


@pytest.fixture(scope="session")
def environ(postgres_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a development deployment on the servers of this run."""
    return development(postgres_url, redis_url)


@pytest.fixture(scope="session")
async def client(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of one worker in development mode."""
    async with serving(environ) as client:
        yield client


@pytest.fixture(scope="session")
async def second_worker(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of another worker on the same servers."""
    async with serving(environ) as client:
        yield client


@pytest.fixture(scope="session")
async def production(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker outside development, on the same servers, without request limits."""
    async with serving(environ | PRODUCTION) as client:
        yield client


@pytest.fixture(scope="session")
def verified_environ(environ: dict[str, str]) -> dict[str, str]:
    """Outside development, where addresses are proven first, and mail signs in."""
    return environ | {
        "ENVIRONMENT": "production",
        "AUTH_EMAIL_SIGN_IN": "true",
        "RATE_LIMIT_ENABLED": "false",
    }


@pytest.fixture(scope="session")
async def verified(verified_environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker of that deployment."""
    async with serving(verified_environ) as client:
        yield client


@pytest.fixture(scope="session")
async def second_verified(verified_environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of another one."""
    async with serving(verified_environ) as client:
        yield client


@pytest.fixture(scope="session")
async def mailbox(verified_environ: dict[str, str]) -> AsyncIterator[Mailbox]:
    """The letters of all deployments on these servers."""
    async with mailbox_of(verified_environ) as mailbox:
        yield mailbox


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Client:
    """The worker that the parameter names."""
    named: Client = request.getfixturevalue(request.param)
    return named


@pytest.fixture(scope="session")
async def database(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database of this run, past the service."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
def new_name() -> Callable[[], str]:
    """User names that nobody has."""
    return lambda: f"user-{uuid4().hex[:12]}"


@pytest.fixture
def people(
    client: Client, production: Client, database: asyncpg.Connection, new_name: Callable[[], str]
) -> People:
    """Makes people with the roles that a test needs."""
    return People(client, production, database, new_name)
