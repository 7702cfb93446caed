"""A whole core in memory for each test."""

import pytest

from auth_core.core import Options
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.testing.contracts.making import new_user
from auth_core.tokens import SignInPolicy
from auth_core.users import User


@pytest.fixture
def core() -> InMemoryCore:
    """In development mode."""
    return in_memory_core()


@pytest.fixture
def production() -> InMemoryCore:
    return in_memory_core(Options(sign_in=SignInPolicy()))


@pytest.fixture
def another_administrator(core: InMemoryCore) -> User:
    """Somebody who is left when the only other one goes; known to the store alone."""
    user = new_user(roles=("admin",))
    core.store.users[user.id] = user
    return user
