"""An application over real servers, in this process, and a client of it."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar.testing import AsyncTestClient

from app.container import Container
from app.main import create_app
from app.settings import load_settings
from tests.service_role import as_service

Client = AsyncTestClient[Any]

PATIENCE_SECONDS = 60.0
"""For a busy machine: what a test asks for many times at once waits its turn."""


def development(postgres_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a development deployment on these servers, as its service has it.

    ``postgres_url`` is the owner's.
    """
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": as_service(postgres_url),
        "REDIS_URL": redis_url,
        # what their webhooks reach listens on loopback
        "AUTH_WEBHOOK_ALLOW_PRIVATE": "true",
        # one key per database: whoever serves on it must be able to open its signing keys
        "AUTH_MASTER_KEY": hashlib.sha256(postgres_url.encode()).hexdigest(),
    }


@asynccontextmanager
async def serving(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker with these settings; a 500 arrives as the answer it is."""
    container = Container(load_settings(environ))
    container.database._acquire_timeout = container.database._command_timeout = PATIENCE_SECONDS
    async with AsyncTestClient(create_app(container), raise_server_exceptions=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """The header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}
