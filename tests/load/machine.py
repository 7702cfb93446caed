"""Cores, clocks and memory of processes, as Linux tells them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CPUCLOCK_SCHED = 2
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Where everything runs: the service alone on one core, all the rest on the other."""

    service: int
    rest: int

    @property
    def shared(self) -> bool:
        """Whether this machine has only one core for us."""
        return self.service == self.rest


def cores() -> Cores:
    """The first two cores that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(service=usable[-1], rest=usable[0])


def pin(core: int) -> None:
    """Keep the calling thread, and whatever it starts from now on, on one core."""
    os.sched_setaffinity(0, {core})


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started inside stays on ``core``."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def begin_helper(core: int) -> None:
    """How a helper process begins: pinned, and leaving Ctrl-C to the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pin(core)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, those that have ended included.

    This is utime + stime of /proc/<pid>/stat without the rounding to clock ticks.
    """
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process, pages that it shares with others included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def processor() -> str:
    """Which processor this is."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"
