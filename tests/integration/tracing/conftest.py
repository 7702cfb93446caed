"""A service whose traces go to a collector in this process, on a database of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP
from litestar.testing import AsyncTestClient

from app.container import Container
from app.main import create_app
from app.settings import load_settings
from auth_core.kernel import Secret
from tests.collector import Collector, collecting
from tests.integration.mail.conftest import MailServer
from tests.receiving import Receiver, receiving
from tests.service_role import migrate
from tests.serving import PATIENCE_SECONDS, Client, development

Line = dict[str, Any]


@dataclass
class Traced:
    """A service, and all that it tells."""

    client: Client
    collector: Collector
    lines: list[Line]
    """Its access lines."""


@pytest.fixture(scope="session")
async def own_database(servers) -> AsyncIterator[str]:
    """A database whose events and letters nobody else sends."""
    name = f"fm_traces_{uuid4().hex}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    path = urlsplit(servers.database_url).path
    url = (
        servers.database_url.replace(f"{path}?", f"/{name}?")
        if "?" in servers.database_url
        else (servers.database_url.removesuffix(path) + f"/{name}")
    )
    await asyncio.to_thread(migrate, Secret(url))
    yield url
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture(scope="session")
async def database(own_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(server, hostname="mail.test", loop=loop), "127.0.0.1", 0
    )
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()


@pytest.fixture(scope="session")
def environ(own_database: str, redis_url: str, mail_server: MailServer) -> dict[str, str]:
    """A development deployment with a mail server, without traces."""
    return development(own_database, redis_url) | {
        "RATE_LIMIT_ENABLED": "true",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_server.port),
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "FaultMaven <no-reply@example.com>",
    }


@asynccontextmanager
async def telling(
    environ: dict[str, str], collector: Collector, *, every: int = 50
) -> AsyncIterator[Traced]:
    """A service with these settings; its SDK sends what it has ``every`` so many milliseconds."""
    lines: list[Line] = []

    def line(method: str, route: str, **facts: Any) -> None:
        lines.append({"method": method, "route": route, **facts})

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", str(every))
        patch.setenv("NO_PROXY", "127.0.0.1")
        container = Container(load_settings(environ), line)
    container.database._acquire_timeout = container.database._command_timeout = PATIENCE_SECONDS
    async with AsyncTestClient(create_app(container), raise_server_exceptions=False) as client:
        yield Traced(client, collector, lines)


@pytest.fixture(scope="session")
async def traced(environ: dict[str, str], collector: Collector) -> AsyncIterator[Traced]:
    """A service that traces whatever its callers trace, and else everything."""
    own = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=the%20key"}
    async with telling(environ | collector.settings | own, collector) as traced:
        yield traced


def new_trace(*, kept: bool = True) -> tuple[str, str]:
    """The id of a trace that nobody has, and the ``traceparent`` of a caller in it."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-0{int(kept)}"
