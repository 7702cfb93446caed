"""A whole core in memory for each test."""

import pytest

from auth_core.core import Options
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.tokens import SignInPolicy


@pytest.fixture
def core() -> InMemoryCore:
    """In development mode."""
    return in_memory_core()


@pytest.fixture
def production() -> InMemoryCore:
    return in_memory_core(Options(sign_in=SignInPolicy()))
