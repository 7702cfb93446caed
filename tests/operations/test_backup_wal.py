"""A base backup and the WAL since: to a moment, and to the last commit of a killed server."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.running import eventually, fm_auth, sql
from tests.operations.postgres_process import OWNER, SERVICE, PostgresProcess, own
from tests.operations.restoring import House, commands, new_house

SHOWN = "2026-11-25 10:00:00+00"


@pytest.fixture
def house() -> Iterator[House]:
    with new_house(archiving=True) as made:
        yield made


def started(house: House, name: str) -> tuple[PostgresProcess, dict[str, str]]:
    """PostgreSQL on a restored folder once it takes writes, and the settings of a service on it."""
    restored = PostgresProcess(house.folder / name)
    own(restored.folder)
    restored.start()
    eventually(lambda: sql(restored.url(), "SELECT pg_is_in_recovery()") == [(False,)])
    urls = {
        "DATABASE_URL": restored.url(role=SERVICE),
        "DATABASE_OWNER_URL": restored.url(role=OWNER),
    }
    return restored, house.settings | urls


@pytest.mark.sec("SEC-29", "SEC-33")
def test_a_restore_to_a_moment_and_to_the_last_commit(house: House) -> None:
    service = house.services(house.settings).start()
    name, alive = service.register()
    before, after = service.log_in(name), service.log_in(name)
    commands(house, "Base backup and WAL")
    shutil.copytree(house.folder / "base", house.folder / "last")
    service.log_out(before)
    [(moment,)] = sql(house.postgres.url(), "SELECT now()::text")
    service.log_out(after)
    house.postgres.kill()  # nothing was archived since
    service.close()
    archive = house.folder / "archive"
    for segment in (house.folder / "postgres" / "pg_wal").iterdir():
        if segment.is_file() and not (archive / segment.name).exists():
            shutil.copy(segment, archive / segment.name)
    own(archive)

    here = {"/archive/": f"{archive}/"}
    commands(house, "Restore to a moment", instead={SHOWN: str(moment), **here})
    base = house.folder / "base" / "postgresql.auto.conf"
    kept = [line for line in base.read_text().splitlines() if "recovery_target" not in line]
    (house.folder / "last" / "postgresql.auto.conf").write_text("\n".join(kept) + "\n")
    (house.folder / "last" / "recovery.signal").touch()

    for folder, expected in (("base", (200, 401, 200)), ("last", (200, 401, 401))):
        house.restart_redis()
        restored, settings = started(house, folder)
        try:
            service = house.serve(settings)
            found = tuple(service.check(token) for token in (alive, before, after))
            assert expected == found, folder
            assert 200 == service.check(service.log_in(name))
            if folder == "base":  # an earlier moment: what was revoked since lives, until the steps
                ended = ("user", "end-sessions", "--everyone", "--yes")
                assert 0 == fm_auth(*ended, settings=settings).returncode
                assert 401 == service.check(after)
            service.close()
        finally:
            restored.kill()
