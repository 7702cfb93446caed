"""Server processes: spawned by us, or found again after we were killed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.logfile import LogFile

_POLL_SECONDS = 0.01
# Nothing of ours but what a program needs to load: the servers must not see our secrets, and
# PGPORT, PGOPTIONS and the like must not reach PostgreSQL.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")
_FIXED = {"LC_ALL": "C", "TZ": "UTC"}

Escalation = Sequence[tuple[signal.Signals, float]]


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    _born: str | None
    _child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it still runs; reaps our own child when it has ended."""
        if self._child is not None:
            return self._child.poll() is None
        return self._born is not None and _born(self.pid) == self._born

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; no-op when the process has ended."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs after that many seconds."""
        return any(not self.alive for _ in ticks(seconds))

    def end(self, escalation: Escalation) -> None:
        """Stop it by ever harder signals, each with its own patience.

        Raises EmbeddedServersError: it outlived them all.
        """
        for number, seconds in escalation:
            self.signal(number)
            if self.wait(seconds):
                return
        raise EmbeddedServersError(
            f"process {self.pid} does not end, not even by SIGKILL; "
            "see what it waits for (a dead disk?) before the next start"
        )


def ticks(seconds: float) -> Iterator[None]:
    """Yield at once, then about every 10 ms, and once more when the time is up."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        yield


def spawn(command: Sequence[str], *, log: LogFile) -> Process:
    """Start a server that outlives us, in a session of its own."""
    with log.appending() as output:
        child = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,  # the Ctrl-C of a terminal reaches us, not the servers
        )
    return Process(child.pid, _born(child.pid), child)


def environment() -> Mapping[str, str]:
    """The environment that every program of ours gets."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | _FIXED


def find(pid: int, *, program: str, folder: Path) -> Process | None:
    """The living process `pid` if it is `program` working on `folder`, else None."""
    born, arguments = _born(pid), _arguments(pid)
    if born is None or Path(os.fsdecode(arguments[0])).name != program:
        return None
    # the working directory is still right after somebody has moved the data folder
    if os.fsencode(folder) in arguments or _works_in(pid, folder):
        return Process(pid, born)
    return None


def orphans(title: str, folder: Path) -> list[Process]:
    """The processes whose title starts so and that work in `folder`, as far as we may see."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [
        Process(pid, _born(pid))
        for pid in pids
        if _works_in(pid, folder) and _arguments(pid)[0].startswith(title.encode())
    ]


def exists(pid: int) -> bool:
    """Whether any process has this pid, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


def _born(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None when it is dead or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # the name in parentheses may hold anything, so count from its end: the state is the 3rd field
    # of proc(5), the start time the 22nd
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:  # gone, a kernel thread, or none of our business
        return False
