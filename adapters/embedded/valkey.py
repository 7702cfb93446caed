"""The embedded Valkey."""

from pathlib import Path
from signal import SIGKILL, SIGTERM

from adapters.embedded.binaries import valkey_program
from adapters.embedded.server import Server

SOCKET = "valkey.sock"


class ValkeyServer(Server):
    """Valkey on a unix socket, saving its data at least every minute and when it stops."""

    name = "Valkey"
    program = "valkey-server"
    escalation = ((SIGTERM, 10.0), (SIGKILL, 5.0))
    start_seconds = 60.0
    advice = "It holds nothing that cannot be rebuilt: without its folder it starts empty."

    @property
    def socket_path(self) -> Path:
        """Its unix socket."""
        return self._socket_folder / SOCKET

    def _recorded_pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None

    def _answers(self, pid: int) -> bool:  # noqa: ARG002 - it has only one process
        return self._ask(b"PING\r\n").startswith(b"+PONG")

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "dir": str(self._folder),
            "pidfile": str(self._pid_file),
            # the title would hide the folder, by which the next run recognises its server
            "set-proc-title": "no",
            "save": "60 1",
            "appendonly": "no",
            # a full disk must not stop rate limits and sessions from working
            "stop-writes-on-bgsave-error": "no",
            "shutdown-on-sigterm": "save force",
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(valkey_program()), *arguments]

    def _remove_leftovers(self) -> None:
        self.socket_path.unlink(missing_ok=True)
        self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self._folder / "valkey.pid"
