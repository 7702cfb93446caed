"""Three ways into one house, each open for the whole run."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from tests.doors.door import Door, House
from tests.doors.in_process import memory_house, servers_house
from tests.doors.over_http import http_house
from tests.serving import development

WAYS_IN = {"memory": memory_house, "servers": servers_house, "http": http_house}
VARIANTS = {
    "usual": {},
    "no_window": {"AUTH_REFRESH_PARALLEL_SECONDS": "0"},
    "passwords": {
        "ENVIRONMENT": "production",
        "REGISTRATION_MODE": "open",
        "RATE_LIMIT_ENABLED": "false",
    },
    "verified": {"ENVIRONMENT": "production", "RATE_LIMIT_ENABLED": "false"},
    "closed": {"ENABLE_REGISTRATION": "false"},
}


@pytest.fixture(scope="session", params=list(WAYS_IN))
async def houses(
    request: pytest.FixtureRequest, postgres_url: str, redis_url: str
) -> AsyncIterator[dict[str, House]]:
    """The deployments of one way in, by variant of their settings."""
    environ = development(postgres_url, redis_url)
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(WAYS_IN[request.param](environ | changed))
            for name, changed in VARIANTS.items()
        }


@pytest.fixture
def house(houses: dict[str, House]) -> House:
    """A development deployment."""
    return houses["usual"]


@pytest.fixture
def door(house: House) -> Door:
    """One of its workers."""
    return house.door


@pytest.fixture
def second(house: House) -> Door:
    """The other one."""
    return house.second


@pytest.fixture
def name() -> str:
    """A user name that nobody has."""
    return f"user-{uuid4().hex[:12]}"


@pytest.fixture
def new_name() -> Callable[[], str]:
    """User names that nobody has."""
    return lambda: f"user-{uuid4().hex[:12]}"
