"""Services and servers for the whole run and for single tests. All of them are real processes."""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

import pytest

from adapters.embedded import EmbeddedServers
from auth_core.kernel import Secret
from tests.e2e.running import Service, Services, services_in, sql
from tests.roomy_servers import roomy
from tests.service_role import as_service, migrate

JOHN = {"username": "john.doe", "email": "john.doe@example.com", "display_name": "John Doe"}


@pytest.fixture
def services() -> Iterator[Services]:
    """Makes services in an empty folder that goes away with them."""
    with services_in(_new_folder()) as services:
        yield services


@pytest.fixture(scope="session")
def house() -> Iterator[Service]:
    """The embedded run, first start, serving for the whole session: leave it running."""
    with services_in(_new_folder()) as services:
        yield services().start()


@dataclass(frozen=True)
class Estate:
    """What a first run has left behind when Ctrl-C ended it, and what its users remember."""

    data: Path
    kid: str
    alive: str
    """A token of john.doe."""
    ended: str
    """A token of john.doe's that was logged out."""


@pytest.fixture(scope="session")
def first_run() -> Iterator[Estate]:
    """The data of a run in which john.doe registered, logged in twice and logged out once."""
    with services_in(_new_folder()) as services:
        service = services().start()
        assert 201 == service.post("dev-register", JOHN).status_code
        alive, ended = service.log_in("john.doe"), service.log_in("john.doe")
        service.log_out(ended)
        kid = service.kid()
        service.end(SIGINT, group=True)
        yield Estate(services.data, kid, alive, ended)


@pytest.fixture
def estate(first_run: Estate, services: Services) -> Estate:
    """A copy of it in the folder of this test's services, to be damaged at will."""
    shutil.copytree(first_run.data, services.data)
    return Estate(services.data, first_run.kid, first_run.alive, first_run.ended)


@pytest.fixture(scope="session")
def their_servers() -> Iterator[EmbeddedServers]:
    """A PostgreSQL and a Valkey that belong to somebody else, as far as the service knows."""
    folder = _new_folder()
    servers = EmbeddedServers(folder / "servers", durable=False)
    roomy(servers)
    yield servers
    servers.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def external(their_servers: EmbeddedServers) -> EmbeddedServers:
    """The same, both of them running now."""
    their_servers.start()
    return their_servers


NewDatabase = Callable[..., str]


@pytest.fixture(scope="session")
def new_database(their_servers: EmbeddedServers) -> NewDatabase:
    """Makes a database, migrated unless told otherwise, and returns its owner's URL."""
    admin = their_servers.start().database_url

    def url(name: str) -> str:
        return admin.replace("/fm_auth?", f"/{name}?")

    def make(*, migrated: bool = True) -> str:
        their_servers.start()
        name = f"fm_{secrets.token_hex(8)}"
        sql(admin, f"CREATE DATABASE {name}{' TEMPLATE fm_template' if migrated else ''}")
        return url(name)

    sql(admin, "CREATE DATABASE fm_template")
    migrate(Secret(url("fm_template")))
    return make


@pytest.fixture
def settings(external: EmbeddedServers, new_database: NewDatabase) -> dict[str, str]:
    """The environment of a deployment on those servers, with a database of its own."""
    return deployment(external, new_database())


@pytest.fixture(scope="session")
def shared(their_servers: EmbeddedServers, new_database: NewDatabase) -> Iterator[Service]:
    """A deployment of two workers on those servers."""
    with services_in(_new_folder()) as services:
        settings = deployment(their_servers, new_database())
        yield services({**settings, "WORKERS": "2"}).start()


@pytest.fixture
def deployed(shared: Service, external: EmbeddedServers) -> Service:
    """The same, healthy."""
    shared.until("ready")
    return shared


def deployment(servers: EmbeddedServers, database_url: str) -> dict[str, str]:
    """The environment of a deployment in development mode; ``database_url`` is the owner's."""
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": as_service(database_url),
        "DATABASE_OWNER_URL": database_url,
        "REDIS_URL": servers.start().redis_url,
        "AUTH_MASTER_KEY": secrets.token_hex(32),
        "LOG_FORMAT": "json",
    }


def _new_folder() -> Path:
    # short, so that the sockets fit beside the data; not below pytest's folder, which only its
    # owner may enter
    return Path(tempfile.mkdtemp(prefix="fm-e2e-"))
