"""A core in memory with people, and an organization of theirs."""

from collections.abc import Awaitable, Callable

import pytest

from auth_core.kernel import Email
from auth_core.organizations import Belonging, Slug
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.testing.contracts.making import fresh_name, stored_user
from auth_core.users import User

MakeUser = Callable[..., Awaitable[User]]


@pytest.fixture
async def core() -> InMemoryCore:
    core = in_memory_core()
    await core.keys.tend()
    return core


@pytest.fixture
def person(core: InMemoryCore) -> MakeUser:
    """Makes somebody whose address is proven."""

    async def make(**changes: object) -> User:
        email = Email.parse(f"{fresh_name()}@example.com")
        return await stored_user(
            core.unit_of_work, **{"email": email, "email_verified": True, **changes}
        )

    return make


@pytest.fixture
async def owner(person: MakeUser) -> User:
    return await person()


@pytest.fixture
async def acme(core: InMemoryCore, owner: User) -> Belonging:
    """An organization of ``owner``."""
    return await core.organizations.organizations.create(
        owner, name="Acme", slug=Slug.parse("acme")
    )


@pytest.fixture
def member(core: InMemoryCore, person: MakeUser, acme: Belonging) -> MakeUser:
    """Makes a member of it."""

    async def make(role: str = "member") -> User:
        user = await person()
        await core.organizations.members.add(acme.organization.id, user.id, role)
        return user

    return make
