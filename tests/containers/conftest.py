import os
from collections.abc import Iterator

import pytest

from tests.containers.engine import build_service_image, facts, missing
from tests.containers.servers import Servers, running_servers


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """Without an engine these tests are skipped, never passed; on CI they fail."""
    if reason := missing():
        facts.append(f"NOT RUN: {reason}")
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run the container tests: {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def container_servers(_engine: None) -> Iterator[Servers]:
    with running_servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def service_image(_engine: None) -> str:
    return build_service_image()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if facts:
        terminalreporter.section("containers")
        for fact in facts:
            terminalreporter.line(fact)
