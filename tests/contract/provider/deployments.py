"""Real services for the pacts to be verified against: `fm-auth serve`, each as a process."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from auth_core.kernel import Secret
from tests.e2e.running import START_SECONDS, Service, eventually, services_in, sql
from tests.service_role import as_service, migrate

_REDIS_DB = 7
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
        "REDIS_URL": _other_redis(redis_url),
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
            signs = ("/health/ready", "/health/ready", "/health")
            for service, sign in zip(started, signs, strict=True):
                eventually(partial(_answers, service, sign), seconds=START_SECONDS)
            yield Deployments(*started, environ=development, owner_url=owner_url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        sql(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _other_database(url: str, name: str) -> str:
    address, _, options = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")


def _other_redis(url: str) -> str:
    """Another database of the same server: the events and limits of other tests are not there."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"{url.partition('?')[0]}?db={_REDIS_DB}"
    return urlunsplit(parts._replace(path=f"/{_REDIS_DB}"))


def _answers(service: Service, path: str) -> bool:
    assert service.process is not None
    assert service.process.poll() is None, service.output
    with suppress(httpx.TransportError):
        return httpx.get(f"{service.url}{path}", timeout=60, trust_env=False).is_success
    return False
