"""A real PgBouncer in transaction mode, in front of the PostgreSQL of a test."""

import csv
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.embedded.binaries import postgres_program
from adapters.embedded.identity import choose
from tests.e2e.running import eventually
from tests.programs import program

PORT = 6432
"""Only part of the socket's name."""
_CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_port = {own_port}
auth_type = trust
auth_file = {folder}/users
admin_users = admin
logfile = {folder}/log
pidfile = {folder}/pid
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
server_connect_timeout = 5
server_login_retry = 1
"""


class PgBouncer:
    """One PgBouncer on a unix socket; its server connections are the few that ``size`` says."""

    def __init__(self, folder: Path, server_url: str, *, size: int, mode: str) -> None:
        self.folder = folder
        self._program = Path(program("pgbouncer", "pgbouncer"))
        self._process: subprocess.Popen[bytes] | None = None
        # it refuses to run as root, as PostgreSQL does: as whom that runs, it may reach its socket
        self._identity = choose(self._program, folder)
        parts = urlsplit(server_url)
        host, port = _place(server_url)
        password = unquote(parts.password or "")
        users = {unquote(parts.username or ""), "fm_auth_service", "admin"}
        (folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user in users))
        (folder / "configuration").write_text(
            _CONFIGURATION.format(
                host=host, port=port, folder=folder, own_port=PORT, mode=mode, size=size
            )
        )

    def url(self, server_url: str) -> str:
        """The way through it to what ``server_url`` names."""
        parts = urlsplit(server_url)
        return f"postgresql://{parts.username}@{parts.path}?host={self.folder}&port={PORT}"

    def start(self) -> None:
        for left in ("log", "pid", f".s.PGSQL.{PORT}"):
            (self.folder / left).unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._identity.command(self._program, "-q", str(self.folder / "configuration")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        eventually(self._answers)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, SIGSTOP)

    def thaw(self) -> None:
        """It may find so much to do that it ends."""
        assert self._process is not None
        os.kill(self._process.pid, SIGCONT)

    def ask(self, command: str) -> list[dict[str, str]]:
        """What its console answers to SHOW …"""
        told = subprocess.run(
            [
                *(str(postgres_program("psql")), "--csv", "-X", "-h", str(self.folder)),
                *("-p", str(PORT), "-U", "admin", "-c", command, "pgbouncer"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return list(csv.DictReader(told.stdout.splitlines()))

    def servers(self, database: str) -> int:
        """How many connections it has to a database."""
        return sum(row["database"] == database for row in self.ask("SHOW SERVERS"))

    def _answers(self) -> bool:
        assert self._process is not None
        log = self.folder / "log"
        said = log.read_text() if log.exists() else ""
        assert self._process.poll() is None, f"PgBouncer has ended:\n{said}"
        return (self.folder / f".s.PGSQL.{PORT}").exists() and "process up" in said


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    port = parts.port or int(query.get("port", ["5432"])[0])
    return query.get("host", [parts.hostname or "127.0.0.1"])[0], port


@contextmanager
def running_pgbouncer(
    server_url: str, *, size: int, mode: str = "transaction"
) -> Iterator[PgBouncer]:
    """One in a folder of its own, gone at the end."""
    program("pgbouncer", "pgbouncer")  # without it there is nothing to tidy up
    outer = Path(tempfile.mkdtemp(prefix="fm-pgb-"))
    folder = outer / "pgbouncer"
    folder.mkdir()
    bouncer = PgBouncer(folder, server_url, size=size, mode=mode)
    try:
        bouncer.start()
        yield bouncer
    finally:
        bouncer.kill()
        shutil.rmtree(outer, ignore_errors=True)
