"""The databases of tests/integration/postgres, with a PgBouncer in front of the service's way."""

from collections.abc import Iterator

import pytest

from auth_core.kernel import Secret
from tests.integration.postgres.conftest import (
    core,
    database,
    make_database,
    observer,
    ports,
    postgres_url,
    server_url,
    unit_of_work,
)
from tests.operations.pgbouncer.bouncer import PgBouncer, running_pgbouncer
from tests.service_role import as_service

__all__ = [
    "core",
    "database",
    "make_database",
    "observer",
    "ports",
    "postgres_url",
    "server_url",
    "unit_of_work",
]

SERVERS = 3
"""Server processes for each database and role: far fewer than clients."""


@pytest.fixture(scope="session")
def bouncer(server_url: Secret[str]) -> Iterator[PgBouncer]:
    with running_pgbouncer(server_url.reveal(), size=SERVERS) as bouncer:
        yield bouncer


@pytest.fixture(scope="session")
def service_url(postgres_url: Secret[str], bouncer: PgBouncer) -> Secret[str]:
    return Secret(bouncer.url(as_service(postgres_url.reveal())))
