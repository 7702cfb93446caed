"""A deployment outside development, and a person in it."""

from collections.abc import Awaitable, Callable

import pytest

from auth_core.testing import InMemoryCore
from auth_core.tokens import SignedIn
from tests.unit.auth_core.self_service.people import PASSWORD, deployment, named, verified_user


@pytest.fixture
def core() -> InMemoryCore:
    return deployment()


@pytest.fixture
def alice(core: InMemoryCore) -> Callable[[], Awaitable[SignedIn]]:
    """Signed in, with a proven address."""

    async def signed_in() -> SignedIn:
        await verified_user(core)
        return await core.sign_in.log_in(named("alice"), PASSWORD)

    return signed_in
