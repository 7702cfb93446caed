"""Real servers for the tests: embedded ones by default, others by environment.

TEST_POSTGRES_URL and TEST_REDIS_URL name servers to use instead (containers, or any at hand). The
PostgreSQL user must be allowed to create databases and roles: every run works in a database of its
own, and its services work as `fm_auth_service`, which owns nothing.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from adapters.embedded import EmbeddedServers
from auth_core.kernel import Secret
from tests.roomy_servers import roomy
from tests.service_role import migrate

# The same examples in every run, and no verdict about the speed of the machine.
settings.register_profile(
    "calm", derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("calm")


# A shell that runs us in the background has us ignore Ctrl-C, and so would all that we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are. The database's URL is for its owner."""

    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A PostgreSQL and a Valkey (or Redis) for the whole run."""
    postgres_url, redis_url = os.environ.get("TEST_POSTGRES_URL"), os.environ.get("TEST_REDIS_URL")
    if postgres_url and redis_url:
        yield Servers(postgres_url, redis_url)
        return
    embedded = EmbeddedServers(tmp_path_factory.mktemp("servers"), durable=False)
    endpoints = roomy(embedded)
    yield Servers(endpoints.database_url, endpoints.redis_url)
    embedded.stop()


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """The Valkey or Redis of this run."""
    return servers.redis_url


@pytest.fixture(scope="session")
async def postgres_url(servers: Servers) -> AsyncIterator[str]:
    """A migrated database that belongs to this run alone, for its owner.

    `tests.service_role.as_service` makes it the URL that a service works with.
    """
    name = f"fm_test_{uuid4().hex}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    parts = urlsplit(servers.database_url)
    url = urlunsplit(parts._replace(path=f"/{name}"))
    # urlunsplit drops the empty authority of a socket URL
    url = url if "://" in url else url.replace(":/", "://", 1)
    await asyncio.to_thread(migrate, Secret(url))
    yield url
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()
