"""A platform administrator, an administrator and a user, each signed in."""

import pytest

from auth_core.tokens import Principal
from auth_core.users import Registration


class People:
    """Who is there, by name; their roles are set past the rules."""

    def __init__(self, core):
        self.core = core

    async def register(self, name, *roles):
        signed_in = await self.core.sign_in.register(
            Registration.parse(username=name), "a password that is long enough"
        )
        user = self.core.store.users[signed_in.user.id]
        self.core.store.users[user.id] = user.with_roles(roles, at=self.core.clock.now())
        await self.core.cache.forget_user(user.id)
        return await self.principal(signed_in)

    async def principal(self, signed_in) -> Principal:
        return await self.core.authenticator.authenticate(signed_in.tokens.access_token)


@pytest.fixture
def people(core):
    return People(core)


@pytest.fixture
async def platform(people):
    return await people.register("platform", "platform_admin")


@pytest.fixture
async def admin(people):
    return await people.register("admin", "admin")


@pytest.fixture
async def user(people):
    return await people.register("alice", "user")
