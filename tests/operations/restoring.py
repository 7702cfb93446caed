"""A deployment with a PostgreSQL and a Valkey of its own, to be lost and restored."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.e2e.running import Service, Services, eventually, fm_auth, free_port, services_in, sql
from tests.integration.redis.valkey_process import ValkeyProcess
from tests.operations.documented import Followed, follow
from tests.operations.postgres_process import OWNER, PostgresProcess, deployment, own

PAGE = "backup-and-restore.md"


@dataclass
class House:
    """A deployment whose servers are ours to lose. ``settings`` are those of the first database."""

    folder: Path
    services: Services
    postgres: PostgresProcess
    valkey: ValkeyProcess
    redis_url: str
    settings: dict[str, str]
    database: str = "fm_auth"

    def anew(self) -> "House":
        """The same with an empty database of its own, another master key, and an empty Redis."""
        if self.valkey.process is None:
            self.start_redis()
        self.valkey.ask("FLUSHALL")
        name = f"fm_{secrets.token_hex(8)}"
        for statement in (
            "DROP DATABASE IF EXISTS fm_auth_restored WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE fm_auth OWNER {OWNER}",
        ):
            sql(self.postgres.url("postgres"), statement)
        key = secrets.token_hex(32)
        settings = deployment(self.postgres, self.redis_url, key, database=name)
        return replace(self, settings=settings, database=name)

    @property
    def admin_url(self) -> str:
        """The database for PostgreSQL's administrator."""
        return self.postgres.url(self.database)

    def start_redis(self) -> None:
        self.valkey.start("--port", self.redis_url.split(":")[2].partition("/")[0])

    def restart_redis(self) -> None:
        self.valkey.kill()
        self.start_redis()

    def serve(self, environ: dict[str, str]) -> Service:
        return self.services({name: environ[name] for name in self.settings}).start()


@contextmanager
def new_house(*, archiving: bool = False) -> Iterator[House]:
    """All of it, migrated; everything ends with the context. ``archiving``: of WAL, as the runbook
    has it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fm-ops-"))
    (folder / "redis").mkdir()
    postgres, valkey = PostgresProcess(folder / "postgres"), ValkeyProcess(folder / "redis")
    port = free_port()
    try:
        postgres.make(_archiving(folder / "archive") if archiving else None)
        valkey.start("--port", str(port))
        redis_url = f"redis://127.0.0.1:{port}/0"
        settings = deployment(postgres, redis_url, secrets.token_hex(32))
        migrated = fm_auth("migrate", settings=settings)
        assert 0 == migrated.returncode, migrated.stderr
        (folder / "run").mkdir()
        with services_in(folder / "run") as services:
            yield House(folder, services, postgres, valkey, redis_url, settings)
    finally:
        valkey.kill()
        postgres.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _archiving(archive: Path) -> dict[str, str]:
    archive.mkdir()
    own(archive)
    command = f"test ! -f {archive}/%f && cp %p {archive}/%f"
    return {"wal_level": "replica", "archive_mode": "on", "archive_command": command}


def commands(house: House, *headings: str, **options: Any) -> Followed:
    admin = {"ADMIN_URL": house.admin_url}
    settings = {**admin, **house.settings, **options.pop("settings", {})}
    page = options.pop("page", PAGE)
    return follow(page, *headings, settings=settings, cwd=house.folder, **options)


def dump(house: House) -> None:
    """Once the trail has begun, so that there is something to verify."""
    count = "SELECT count(*) FROM audit_chains WHERE position > 0"
    eventually(lambda: sql(house.admin_url, count) != [(0,)])
    commands(house, "Dump")


def tokens(service: Service, name: str) -> dict[str, Any]:
    answer = service.post("dev-login", {"username": name})
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refresh(service: Service, token: str) -> tuple[int, dict[str, Any]]:
    answer = service.post("refresh", {"refresh_token": token})
    return answer.status_code, answer.json()


def refused(service: Service, found: dict[str, Any]) -> tuple[int, str]:
    status, body = refresh(service, found["refresh_token"])
    return status, str(body.get("code"))
