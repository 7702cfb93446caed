"""Real services for the pacts to be verified against: `fm-auth serve`, each as a process."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auth_core.kernel import Secret
from tests.e2e.running import Service, eventually, services_in, sql
from tests.service_role import as_service, migrate

EXTENSION_ORIGINS = ("chrome-extension://*", "moz-extension://*", "https://dashboard.example.com")


@dataclass(frozen=True)
class Deployments:
    """What the consumers may meet."""

    development: Service
    production: Service
    """Outside development, with limits, on the same servers."""
    without_database: Service
    environ: dict[str, str]
    """Of the first."""
    owner_url: str

    def of(self, states: Sequence[str]) -> Service:
        """The one that these states are about; most are made in development."""
        if "the database is away" in states:
            return self.without_database
        if {"outside development", "too many wrong passwords"} & set(states):
            return self.production
        return self.development


@contextmanager
def deployments(database_url: str, redis_url: str) -> Iterator[Deployments]:
    """All of them, running, on a database of their own; ``database_url`` may create one."""
    name = f"fm_pact_{secrets.token_hex(8)}"
    sql(database_url, f"CREATE DATABASE {name}")
    owner_url = _other_database(database_url, name)
    migrate(Secret(owner_url))
    development = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": as_service(owner_url),
        "REDIS_URL": redis_url,
        "AUTH_MASTER_KEY": secrets.token_hex(32),
        "CORS_ORIGINS": json.dumps(EXTENSION_ORIGINS),
        # a token that was used before is stolen at once, and no test waits for that
        "AUTH_REFRESH_PARALLEL_SECONDS": "0",
    }
    production = development | {"ENVIRONMENT": "production", "REGISTRATION_MODE": "open"}
    nowhere = development | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    folder = Path(tempfile.mkdtemp(prefix="fm-pact-"))
    try:
        with services_in(folder) as services:
            started = [services(each).spawn() for each in (development, production, nowhere)]
            for service in started:
                eventually(service._answers, seconds=120)
            yield Deployments(*started, environ=development, owner_url=owner_url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        sql(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _other_database(url: str, name: str) -> str:
    address, _, options = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")
