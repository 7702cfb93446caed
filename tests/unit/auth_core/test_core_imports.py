"""What importing the core costs and pulls in."""

import json
import subprocess
import sys

import pytest

from tests.measuring import quickest

FRAMEWORKS = {
    "litestar",
    "sqlalchemy",
    "advanced_alchemy",
    "asyncpg",
    "redis",
    "structlog",
    "granian",
    "alembic",
    "click",
}


def imported_by(statement):
    """The top-level modules that a fresh interpreter has loaded, and the seconds it took."""
    program = f"""
import json, sys, time
start = time.process_time()
{statement}
seconds = time.process_time() - start
print(json.dumps([seconds, sorted(sys.modules)]))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(finished.stdout)
    return seconds, set(modules)


@pytest.mark.parametrize(
    "statement",
    ["import auth_core", "import auth_core.core", "import auth_core.testing"],
)
def test_no_framework_and_no_test_tool_comes_along(statement):
    _, modules = imported_by(statement)

    assert set() == modules & (FRAMEWORKS | {"pytest", "_pytest", "hypothesis"})


@pytest.mark.parametrize("statement", ["import auth_core", "import auth_core.core"])
def test_the_testing_package_does_not_come_along(statement):
    _, modules = imported_by(statement)

    assert not {module for module in modules if module.startswith("auth_core.testing")}


def test_importing_the_core_is_quick():
    assert quickest(lambda: imported_by("import auth_core")[0], bound=0.3) < 0.3


@pytest.mark.parametrize("package", ["kernel", "users", "credentials", "sessions", "keys"])
def test_joserfc_is_needed_by_tokens_only(package):
    _, modules = imported_by(f"import auth_core.{package}")

    assert "joserfc" not in modules


def test_the_public_face_names_what_it_has_and_nothing_else():
    import auth_core

    for name in auth_core.__all__:
        assert getattr(auth_core, name).__name__ == name
    assert not hasattr(auth_core, "nothing_of_this_name")
