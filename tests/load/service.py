"""A service under test: its supervisor, its worker, its port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.load.client import BenchError
from tests.load.machine import children, on_core

FLOOR_COMMAND = (sys.executable, "-m", "tests.load.floors")
OUR_COMMAND = (str(Path(sys.executable).with_name("fm-auth")), "serve")
_READY_LIMIT = 60.0
_POLL = 0.005


@dataclass(frozen=True)
class Started:
    """A service that answers, with one worker. Times count from before the spawn."""

    port: int
    supervisor: int
    worker: int
    seconds_to_worker: float
    seconds_to_ready: float


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(
    command: Sequence[str], environ: Mapping[str, str], *, core: int, health: str, log: Path
) -> Iterator[Started]:
    """Run a service on ``core`` until it answers ``health`` with 200; stop it at the end."""
    port = free_port()
    with log.open("ab") as output, on_core(core):
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ, "HOST": "127.0.0.1", "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield _ready(process, port, health, began, log)
    finally:
        _stop(process)


def _ready(
    process: "subprocess.Popen[bytes]", port: int, health: str, began: float, log: Path
) -> Started:
    question = f"GET {health} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    worker_at = 0.0
    while process.poll() is None and time.perf_counter() - began < _READY_LIMIT:
        worker_at = worker_at or (time.perf_counter() if children(process.pid) else 0.0)
        if _answers(port, question):
            ready_at = time.perf_counter()
            workers = children(process.pid)
            if len(workers) != 1:
                raise BenchError(f"expected one worker, found {len(workers)}")
            return Started(port, process.pid, workers[0], worker_at - began, ready_at - began)
        time.sleep(_POLL)
    tail = log.read_text(errors="replace").splitlines()[-10:]
    raise BenchError("\n".join(["the service did not become ready; its log ends with:", *tail]))


def _answers(port: int, question: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        pass
    finally:  # the group is ours: the supervisor leads it
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
