"""The embedded PostgreSQL."""

import struct
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT

from adapters.embedded import process
from adapters.embedded.binaries import postgres_program
from adapters.embedded.cluster import Cluster
from adapters.embedded.identity import Identity
from adapters.embedded.logfile import LogFile
from adapters.embedded.server import Server

PORT = 5432  # only part of the socket's name
_SOCKET = f".s.PGSQL.{PORT}"
# Asking for TLS is the shortest question that PostgreSQL answers before it wants a user and that
# makes it fork: a server that hangs does not answer. On a unix socket it says N.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_ORPHAN_SECONDS = 5.0
# synchronous_commit stays on: it costs next to nothing without fsync, and a killed server then
# still loses nothing that it acknowledged; only a power failure does harm
_SPEED_FOR_SAFETY = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(Server):
    """PostgreSQL on a unix socket that only its owner can use, with one database `fm_auth`."""

    name = "PostgreSQL"
    program = "postgres"
    # fast shutdown, then immediate shutdown (recovers at the next start)
    escalation = ((SIGINT, 30.0), (SIGQUIT, 10.0), (SIGKILL, 5.0))
    start_seconds = 120.0
    advice = (
        "If the log complains about damaged files, restore the folder from a backup; "
        "never remove single files from it."
    )

    def __init__(
        self,
        folder: Path,
        *,
        socket_folder: Path,
        log: LogFile,
        identity: Identity,
        durable: bool,
    ) -> None:
        super().__init__(folder, socket_folder=socket_folder, log=log)
        self._identity = identity
        self._durable = durable
        self._cluster = Cluster(folder, identity=identity, log=log, durable=durable)

    @property
    def socket_path(self) -> Path:
        """Its unix socket."""
        return self._socket_folder / _SOCKET

    def _recorded_pid(self) -> int | None:
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def _answers(self, pid: int) -> bool:
        lines = self._pid_file_lines()
        # the status is the last of eight lines, see utils/pidfile.h of PostgreSQL
        ready = lines[:1] == [str(pid)] and lines[7:8] == ["ready"]
        return ready and self._ask(_SSL_REQUEST) == b"N"

    def _command(self) -> list[str]:
        self._cluster.prepare()
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": _quoted(self._socket_folder),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            # no rows in the log: details would quote them, password hashes included
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        } | ({} if self._durable else _SPEED_FOR_SAFETY)
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = postgres_program(self.program)
        return self._identity.command(program, "-D", str(self._folder), *arguments)

    def _remove_leftovers(self) -> None:
        pid = self._recorded_pid()
        if pid is not None:
            self._end_orphans()
            if process.exists(pid):
                # PostgreSQL refuses to start when any process has the pid of the server that was
                # killed: a stranger, or its zombie where nobody reaps; both are common in
                # containers. In all other cases the file is left for PostgreSQL itself, which
                # finds the dead server's shared memory by it.
                self._pid_file.unlink(missing_ok=True)
        self.socket_path.unlink(missing_ok=True)
        self.socket_path.with_name(f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _end_orphans(self) -> None:
        # without their postmaster they end by themselves, unless they are busy
        for orphan in process.orphans("postgres: ", self._folder):
            if not orphan.wait(_ORPHAN_SECONDS):
                orphan.end([(SIGKILL, _ORPHAN_SECONDS)])

    def _pid_file_lines(self) -> list[str]:
        try:
            return [line.strip() for line in self._pid_file.read_text().splitlines()]
        except OSError:
            return []

    @property
    def _pid_file(self) -> Path:
        return self._folder / "postmaster.pid"


def _quoted(folder: Path) -> str:
    return '"' + str(folder).replace('"', '""') + '"'
