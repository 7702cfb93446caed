"""The pytest plugin of ``fm-auth-core[testing]``: pytest finds it by its entry point ``fm_auth``.

A project that uses none of its fixtures pays for importing this module, and for nothing else: what
it needs of `auth_core` is imported when the first fixture is. Leave it out with ``-p no:fm_auth``.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from auth_core.core import Options
    from auth_core.testing.background import BackgroundLoop
    from auth_core.testing.bad_tokens import BadToken
    from auth_core.testing.jose import KeyPool
    from auth_core.testing.kit import Kit

# ruff: noqa: PLC0415 - imported by those who use it


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of this plugin."""
    parser.addini(
        "fm_auth_algorithm",
        "what the fixture fm_auth signs access tokens with: RS256 (the service's default) or ES256",
        default="RS256",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The mark that the contract suites carry."""
    config.addinivalue_line(
        "markers", "sec(*ids): the security behaviours (SEC-nn) that this test proves"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that wants ``fm_auth_bad_token`` once for each kind."""
    if "fm_auth_bad_token" in metafunc.fixturenames:
        from auth_core.testing.kit import BAD_TOKENS

        metafunc.parametrize("fm_auth_bad_token", BAD_TOKENS, indirect=True)


@pytest.fixture(scope="session")
def _fm_auth_loop() -> "Iterator[BackgroundLoop]":
    from auth_core.testing.background import BackgroundLoop

    loop = BackgroundLoop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def _fm_auth_keys(request: pytest.FixtureRequest) -> "KeyPool":
    from auth_core.testing.jose import KeyPool

    return KeyPool(request.config.getini("fm_auth_algorithm"))


@pytest.fixture
def fm_auth_options() -> "Options":
    """How the core of ``fm_auth`` is set up. Override it for another issuer, audience, lifetime."""
    from auth_core.testing.kit import KIT_OPTIONS

    return KIT_OPTIONS


@pytest.fixture
def fm_auth_start() -> datetime:
    """When the clock of ``fm_auth`` begins: now, so that what has another clock agrees at first.

    Override it for tests about a date.
    """
    from auth_core.tokens.verify.elapsed import MachineClock

    return MachineClock().now().replace(microsecond=0)


@pytest.fixture
def fm_auth(
    _fm_auth_loop: "BackgroundLoop",
    _fm_auth_keys: "KeyPool",
    fm_auth_options: "Options",
    fm_auth_start: datetime,
) -> "Kit":
    """A real auth core in memory, with a verifier for the service under test."""
    from auth_core.testing.kit import Kit

    return Kit(_fm_auth_loop, _fm_auth_keys, start=fm_auth_start, options=fm_auth_options)


@pytest.fixture
def fm_auth_bad_token(fm_auth: "Kit", request: pytest.FixtureRequest) -> "BadToken":
    """A token that must be refused; the test runs once for each kind."""
    return fm_auth.bad_tokens[request.param]
