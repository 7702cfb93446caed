"""What PostgreSQL and Valkey have in common: adopt or spawn, wait until ready, stop."""

import signal
import socket
from abc import ABC, abstractmethod
from pathlib import Path

from adapters.embedded import process
from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.logfile import LogFile
from adapters.embedded.process import Escalation, Process

_ADOPTION_SECONDS = 10.0
_ANSWER_SECONDS = 2.0


class Server(ABC):
    """One server on one data folder. Not safe for several threads."""

    name: str
    program: str
    escalation: Escalation
    start_seconds: float
    advice: str

    def __init__(self, folder: Path, *, socket_folder: Path, log: LogFile) -> None:
        self._folder = folder
        self._socket_folder = socket_folder
        self._log = log
        self._log_begin = 0
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        return self._process.pid if self._process is not None and self._process.alive else None

    def start(self) -> None:
        """Launch it and wait until it is ready; no-op when it runs.

        Raises EmbeddedServersError: it did not start; the message quotes its log.
        """
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Adopt the server that an earlier run left behind, or spawn a new one; does not wait."""
        if self.pid is None:
            self._process = self._adopt() or self._spawn()

    def wait_ready(self) -> None:
        """Wait until the launched server answers.

        Raises EmbeddedServersError: it ended or took too long; the message quotes its log.
        """
        for _ in process.ticks(self.start_seconds):
            pid = self.pid
            if pid is None:
                raise self._failed("did not start")
            if self._answers(pid):
                return
        raise self._failed(f"is not ready after {self.start_seconds:.0f} s")

    def stop(self) -> None:
        """Stop it, whether spawned or adopted; no process, socket or pid file is left behind.

        Raises EmbeddedServersError: its process does not end.
        """
        if self._process is not None:
            self._process.end(self.escalation)
            self._process = None
            self._remove_leftovers()

    def kill(self) -> None:
        """SIGKILL it and leave everything else as it is; `start` repairs that."""
        if self._process is not None:
            self._process.end([(signal.SIGKILL, 10.0)])

    @property
    @abstractmethod
    def socket_path(self) -> Path:
        """Its unix socket."""

    @abstractmethod
    def _recorded_pid(self) -> int | None:
        """The pid in its pid file, which may be stale."""

    @abstractmethod
    def _answers(self, pid: int) -> bool:
        """Whether this process serves clients now."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line to spawn; prepares the data folder first."""

    @abstractmethod
    def _remove_leftovers(self) -> None:
        """Remove what an ended server left behind. Only called when none is running."""

    def _adopt(self) -> Process | None:
        pid = self._recorded_pid()
        earlier = None if pid is None else self._find(pid)
        if earlier is None:
            return None
        for _ in process.ticks(_ADOPTION_SECONDS):
            if not earlier.alive:
                return None
            if self._answers(earlier.pid):
                return earlier
        earlier.end(self.escalation)
        return None

    def _find(self, pid: int) -> Process | None:
        return process.find(pid, program=self.program, folder=self._folder)

    def _spawn(self) -> Process:
        self._remove_leftovers()
        self._log_begin = self._log.size()
        return process.spawn(self._command(), log=self._log)

    def _ask(self, question: bytes) -> bytes:
        """The first bytes of the answer; empty when nobody answers in time."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_SECONDS)
                connection.connect(str(self.socket_path))
                connection.sendall(question)
                return connection.recv(64)
        except OSError:
            return b""

    def _failed(self, what: str) -> EmbeddedServersError:
        quoted = self._log.quote(since=self._log_begin)
        return EmbeddedServersError(f"the embedded {self.name} {what}. {quoted}\n{self.advice}")
