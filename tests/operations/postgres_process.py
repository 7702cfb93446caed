"""A real PostgreSQL on a port of its own that a test may copy, kill, restore and promote."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg

from adapters.embedded.binaries import postgres_program
from adapters.embedded.identity import choose
from tests.e2e.running import END_SECONDS, START_SECONDS, environment, eventually, free_port, sql

ADMINISTRATOR = "postgres"
OWNER = "fm_auth"
SERVICE = "fm_auth_service"
TOOLS = postgres_program("psql").parent
_FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


class PostgresProcess:
    """A cluster in ``folder`` on loopback, where every role is trusted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._log = folder.with_name(f"{folder.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "fm_auth", *, role: str = ADMINISTRATOR) -> str:
        """A database of it as libpq and asyncpg take it."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def make(self, settings: Mapping[str, str] | None = None) -> None:
        """An empty cluster, with an owner for the tables who is no superuser."""
        self.folder.mkdir()
        with self._log.open("ab") as log:
            subprocess.run(
                [
                    *self._command("initdb", "-D", str(self.folder), f"--username={ADMINISTRATOR}"),
                    *("--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"),
                ],
                stdout=log,
                stderr=log,
                env=tool_environment(),
                timeout=START_SECONDS,
                check=True,
            )
        self.start(settings)
        admin = self.url("postgres")
        sql(admin, f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        sql(admin, f"CREATE DATABASE fm_auth OWNER {OWNER}")

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers."""
        where = {"listen_addresses": "127.0.0.1", "port": str(self.port)}
        every = {**where, "unix_socket_directories": "", **_FAST, **(settings or {})}
        chosen = [part for name, value in every.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self.folder), *chosen),
                stdout=log,
                stderr=log,
                env=tool_environment(),
                start_new_session=True,
            )
        eventually(self._answers, seconds=START_SECONDS)

    def stop(self) -> None:
        """An orderly end."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """The end of its machine, as far as the processes are concerned."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        process.wait(END_SECONDS)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-3000:]
        with suppress(OSError, asyncpg.PostgresError):
            return bool(sql(self.url("postgres"), "SELECT true"))
        return False

    def _command(self, program: str, *arguments: str) -> list[str]:
        found = postgres_program(program)
        return choose(found, self.folder).command(found, *arguments)


def own(folder: Path) -> None:
    """Give files to whom PostgreSQL runs as: a tool may have written them as us."""
    folder.chmod(0o700)
    choose(postgres_program("postgres"), folder)


def tool(name: str, *arguments: str, settings: Mapping[str, str] | None = None) -> str:
    """Run a program of PostgreSQL's as an operator would; what it prints."""
    done = subprocess.run(
        [str(TOOLS / name), *arguments],
        capture_output=True,
        text=True,
        env={**tool_environment(), **(settings or {})},
        timeout=START_SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def deployment(
    postgres: PostgresProcess, redis_url: str, master_key: str, *, database: str = "fm_auth"
) -> dict[str, str]:
    """The environment of a service on these servers."""
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": postgres.url(database, role=SERVICE),
        "DATABASE_OWNER_URL": postgres.url(database, role=OWNER),
        "REDIS_URL": redis_url,
        "AUTH_MASTER_KEY": master_key,
        "LOG_FORMAT": "json",
    }


def tool_environment() -> dict[str, str]:
    # PGCONNECT_TIMEOUT: a tool that waits for ever would be taken for one that works
    python = str(Path(sys.executable).parent)
    kept = environment()
    path = f"{TOOLS}:{python}:{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "PGCONNECT_TIMEOUT": "60"}
