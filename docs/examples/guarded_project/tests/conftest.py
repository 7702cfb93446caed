"""The service under test, with the kit in the place of the auth service."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from httpx import ASGITransport, AsyncClient
from orders import create_app

from auth_core import Options
from auth_core.testing.kit import KIT_OPTIONS, Kit


@pytest.fixture
def fm_auth_options() -> Options:
    """As our deployment has it: AUTH_RESOURCES names what we give permissions for."""
    return msgspec.structs.replace(KIT_OPTIONS, resources={"orders": ("read", "cancel")})


@pytest.fixture
async def client(fm_auth: Kit) -> AsyncIterator[AsyncClient]:
    """A client of the service, in this process."""
    transport = ASGITransport(create_app(fm_auth.verifier))
    async with AsyncClient(transport=transport, base_url="http://orders") as client:
        yield client
