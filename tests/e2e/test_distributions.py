"""Both wheels: what is in them, and that they work where there is no checkout."""

import os
import posixpath
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import migrations
from tests.e2e.conftest import NewDatabase
from tests.e2e.running import ROOT, START_SECONDS, environment
from tests.measuring import quickest
from tests.service_role import as_service

UV = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
pytestmark = pytest.mark.timeout(900)
needs_uv = pytest.mark.skipif(UV is None, reason="no uv on PATH and none in .uv/bin")


def uv(*arguments: str | Path) -> str:
    # uv needs its cache, its certificates and whatever else the machine has set up
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for attempt in (1, 2, 3):  # it may have to ask a package index, which may have a bad moment
        done = subprocess.run(
            [str(UV), *map(str, arguments)],
            cwd=ROOT,
            env=kept,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        time.sleep(5 * (attempt < 3))
    raise AssertionError(done.stderr)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels as `make build` makes them, by distribution."""
    folder = tmp_path_factory.mktemp("dist")
    for package in ("fm-auth-core", "fm-auth-service"):
        uv("build", "--quiet", "--wheel", "--package", package, "--out-dir", folder)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def installed(folder: Path, *requirements: str | Path) -> Path:
    """The Python of a new environment with these and with what the lock file says."""
    lock = folder / "locked.txt"
    lock.write_text(
        uv("export", "--quiet", "--frozen", "--all-extras", "--no-emit-workspace", "--no-hashes")
    )
    uv("venv", "--quiet", "--python", sys.executable, folder / "e")
    python = folder / "e" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "-c", lock, *requirements)
    return python


def run(python: Path, code: str) -> list[str]:
    done = subprocess.run(
        [str(python), "-I", "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@needs_uv
def test_each_wheel_holds_its_packages_and_nothing_else(wheels: dict[str, Path]) -> None:
    assert {"fm_auth_core", "fm_auth_service"} == set(wheels)
    content = {name: [posixpath.normpath(p) for p in names(path)] for name, path in wheels.items()}
    for name, tops in {
        "fm_auth_core": {"auth_core"},
        "fm_auth_service": {"adapters", "app", "migrations"},
    }.items():
        found = {path.partition("/")[0] for path in content[name]}
        assert tops == {top for top in found if not top.endswith(".dist-info")}
        assert [] == [path for path in content[name] if "__pycache__" in path]

    core, service = set(content["fm_auth_core"]), set(content["fm_auth_service"])
    strangers = [
        path
        for path in core
        if path.startswith("auth_core/") and not path.endswith((".py", "/py.typed"))
    ]
    assert ["auth_core/credentials/blocklist.bin"] == strangers
    checkout = {
        str(path.relative_to(ROOT))
        for top in ("auth_core", "adapters", "app", "migrations")
        for path in (ROOT / top).rglob("*.py")
    }
    assert set() == checkout - core - service
    assert {"auth_core/py.typed", "auth_core/testing/__init__.py"} <= core
    assert {"app/py.typed", "migrations/env.py", "migrations/script.py.mako"} <= service
    assert any(path.startswith("app/static/") for path in service)
    assert {"adapters/mail/letters/en.toml", "adapters/mail/layouts/letter.html"} <= service
    assert "app/templates/dev_mail/list.html" in service
    assert any(path.startswith("migrations/versions/0001") for path in service)


@needs_uv
def test_the_paths_in_each_wheel_are_plain(wheels: dict[str, Path]) -> None:
    odd = [n for path in wheels.values() for n in names(path) if n != posixpath.normpath(n)]

    assert [] == odd


@needs_uv
def test_the_core_alone_imports_fast_and_pulls_in_no_framework(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    python = installed(tmp_path, wheels["fm_auth_core"])

    code = (
        "import sys, time; began = time.perf_counter(); import auth_core\n"
        "print(time.perf_counter() - began, *sys.modules)"
    )
    modules: list[str] = []

    def seconds() -> float:
        nonlocal modules
        took, *modules = run(python, code)
        return float(took)

    assert 0.3 > quickest(seconds, bound=0.3)
    frameworks = {
        *("litestar", "sqlalchemy", "advanced_alchemy", "asyncpg", "redis", "structlog", "joserfc"),
        *("cryptography", "granian", "click", "uuid_utils", "argon2"),
    }
    assert set() == frameworks & {name.partition(".")[0] for name in modules}
    distributions = run(
        python,
        "from importlib.metadata import distributions\n"
        "print(*sorted(d.metadata['Name'] for d in distributions()))",
    )
    assert ["fm-auth-core", "msgspec"] == distributions
    features = "kernel, users, credentials, sessions, keys"
    assert ["fine"] == run(python, f"from auth_core import {features}; print('fine')")


@needs_uv
def test_the_core_with_its_extra_verifies_tokens(wheels: dict[str, Path], tmp_path: Path) -> None:
    python = installed(tmp_path, f"fm-auth-core[jose] @ file://{wheels['fm_auth_core']}")

    assert ["fine"] == run(python, "import auth_core.core, auth_core.tokens.verify; print('fine')")


@needs_uv
def test_projects_of_others_test_themselves_with_the_wheel(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    """A service that verifies our tokens, and an adapter; both are in the guides."""
    kit = f"fm-auth-core[testing] @ file://{wheels['fm_auth_core']}"
    python = installed(tmp_path, kit, "fastapi", "httpx", "pytest-randomly", "pytest-xdist")

    for name, flags in (("guarded_project", ["-n", "2"]), ("sqlite_limits", [])):
        project = tmp_path / name
        shutil.copytree(ROOT / "docs" / "examples" / name, project)
        done = subprocess.run(
            [str(python), "-P", "-m", "pytest", "-W", "error", *flags],
            cwd=project,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        assert " passed" in done.stdout


@needs_uv
def test_the_service_runs_from_its_wheels_without_the_checkout(
    wheels: dict[str, Path], new_database: NewDatabase, tmp_path: Path
) -> None:
    python = installed(tmp_path, wheels["fm_auth_core"], wheels["fm_auth_service"])
    fm_auth = python.with_name("fm-auth")
    url = new_database(migrated=False)

    def command(*arguments: str, **settings: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [str(fm_auth), *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(settings),
            timeout=START_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    deployment = {
        "DATABASE_URL": as_service(url),
        "DATABASE_OWNER_URL": url,
        "REDIS_HOST": "localhost",
        "AUTH_MASTER_KEY": "ab" * 31 + "cd",
    }

    assert command("version")[:2] == (0, "fm-auth-service 0.1.0\n")
    revision = f"The schema is at revision {migrations.HEAD}.\n"
    assert command("migrate", **deployment)[:2] == (0, revision)
    status, text, _ = command("user", "create", "john.doe", **deployment)
    assert (0, "john.doe") == (status, text.split()[1])
    # the wheels of the embedded servers are an extra
    status, _, text = command("serve", AUTH_DATA_DIR=str(tmp_path / "data"))
    assert 78 == status
    assert "install fm-auth-service[embedded], or set DATABASE_URL" in text
    served = run(
        python,
        "from litestar.testing import TestClient; import app.main, app.container, app.api.docs\n"
        "from pathlib import Path; print((Path(app.main.__file__).parent / 'static').is_dir())",
    )
    assert ["True"] == served


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_make_help_works_where_uv_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "awk", "make", "python3"):
        (tools / name).symlink_to(shutil.which(name) or name)

    done = subprocess.run(
        ["make", "help"],
        cwd=ROOT,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    for target in ("help", "run", "test", "check", "fmt", "build", "image", "migrate", "bench"):
        assert f"\n{target} " in f"\n{done.stdout}"
