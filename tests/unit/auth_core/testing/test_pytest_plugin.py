"""The plugin in projects of its own: what it costs, and how it gets on with other plugins."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from auth_core.testing.kit import BAD_TOKENS

LOADED = """
import sys

def pytest_sessionfinish(session):
    names = [name for name in sys.modules if name.partition(".")[0] in {"auth_core", "msgspec",
             "cryptography", "joserfc"}]
    print("loaded:", *sorted(names))
"""
SYNC = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_a_user(fm_auth, number):
    jane = fm_auth.as_user()
    assert jane.claims == fm_auth.sync_verifier.verify(jane.access_token)

def test_bad_tokens(fm_auth, fm_auth_bad_token):
    with pytest.raises(Exception) as refused:
        fm_auth.sync_verifier.verify(fm_auth_bad_token.token)
    assert fm_auth_bad_token.code == refused.value.code
"""
ASYNC = """
import anyio
import pytest

async def test_on_asyncio(fm_auth):
    jane = fm_auth.as_user()
    async with fm_auth.verifier as verifier:
        assert jane.claims == await verifier.verify(jane.access_token)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_on_anyio(fm_auth, anyio_backend):
    jane = fm_auth.as_user()
    await anyio.sleep(0)
    assert jane.claims == await fm_auth.verifier.verify(jane.access_token)
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_it_is_found_by_its_entry_point():
    [found] = entry_points(group="pytest11", name="fm_auth")

    assert "auth_core.pytest_plugin" == found.value


def test_a_project_that_uses_none_of_it_loads_none_of_it(project, monkeypatch):
    (project / "conftest.py").write_text(LOADED)
    (project / "test_it.py").write_text("def test_nothing(): pass\n")
    # what other plugins load is theirs
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    done = run(project, "-s", "-p", "auth_core.pytest_plugin")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "loaded: auth_core auth_core.pytest_plugin\n" in done.stdout


def test_it_gets_on_with_the_plugins_of_others(project):
    """Warnings are errors, tests run in any order on two processes, sync, on asyncio and anyio."""
    (project / "test_sync.py").write_text(SYNC)
    (project / "test_async.py").write_text(ASYNC)

    done = run(
        project,
        *("-n", "2", "-p", "randomly", "-o", "asyncio_mode=auto"),
        *("-o", "asyncio_default_fixture_loop_scope=function", "-o", "fm_auth_algorithm=ES256"),
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{8 + len(BAD_TOKENS) + 2} passed" in done.stdout
