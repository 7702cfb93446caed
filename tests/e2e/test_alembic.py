"""The plain Alembic commands work from a checkout."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.conftest import NewDatabase
from tests.e2e.running import BIN, ROOT, START_SECONDS, environment, sql


def alembic(*arguments: str, url: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "alembic"), *arguments],
        cwd=cwd,
        env=environment({"DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def tables(url: str) -> set[str]:
    return {
        name for (name,) in sql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    } - {"alembic_version"}


def test_up_down_and_up_again(new_database: NewDatabase) -> None:
    url = new_database(migrated=False)

    first = alembic("upgrade", "head", url=url)
    assert 0 == first.returncode, first.stderr
    whole = tables(url)
    assert {"users", "sessions", "signing_keys"} <= whole
    down = alembic("downgrade", "base", url=url)
    assert 0 == down.returncode, down.stderr
    assert set() == tables(url)
    again = alembic("upgrade", "head", url=url)
    assert 0 == again.returncode, again.stderr

    assert whole == tables(url)
    assert 0 == alembic("check", url=url).returncode


def test_the_url_may_be_given_in_every_way_the_service_takes_it(new_database: NewDatabase) -> None:
    url = new_database(migrated=False).replace("postgresql://", "postgresql+asyncpg://")

    assert 0 == alembic("upgrade", "head", url=url).returncode


def test_a_new_revision_gets_the_next_number_and_the_template(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    url = new_database()

    made = alembic("revision", "-m", "add a thing", url=url, cwd=tmp_path)

    assert 0 == made.returncode, made.stderr
    files = sorted(path.name for path in (tmp_path / "migrations" / "versions").iterdir())
    numbers = [int(name.partition("_")[0]) for name in files if name.endswith(".py")]
    assert list(range(1, len(numbers) + 1)) == numbers
    text = (tmp_path / "migrations" / "versions" / f"{numbers[-1]:04d}_add_a_thing.py").read_text()
    assert f"down_revision = '{numbers[-2]:04d}'" in text.splitlines()
    upgraded = alembic("upgrade", "head", url=url, cwd=tmp_path)
    assert 0 == upgraded.returncode, upgraded.stderr


def test_without_a_database_it_says_what_to_set() -> None:
    done = subprocess.run(
        [str(BIN / "alembic"), "current"],
        cwd=ROOT,
        env=environment({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )

    assert 0 != done.returncode
    assert "Set DATABASE_URL" in done.stderr
