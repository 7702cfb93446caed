"""What the tests of the embedded servers need: data folders, clients, and runs to kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from adapters.embedded import EmbeddedServers, Endpoints
from adapters.embedded.binaries import postgres_program

HOLDER = Path(__file__).with_name("holder.py")


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a first run leaves it; tests take copies."""
    data = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedServers(data, durable=False):
        pass
    return data


@pytest.fixture
def data(made_data: Path, tmp_path: Path) -> Path:
    """A data folder from an earlier run."""
    return Path(shutil.copytree(made_data, tmp_path / "data"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can pass through, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="fm-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Clients:
    """Questions to running servers."""

    def sql(self, endpoints: Endpoints, statement: str) -> str:
        command = [postgres_program("psql"), endpoints.database_url, "-qAtc", statement]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        return result.stdout.strip()

    def get(self, endpoints: Endpoints, key: str) -> str | None:
        with redis.Redis.from_url(endpoints.redis_url, decode_responses=True) as client:
            return client.get(key)

    def set(self, endpoints: Endpoints, key: str, value: str) -> None:
        with redis.Redis.from_url(endpoints.redis_url) as client:
            client.set(key, value)

    def save(self, endpoints: Endpoints) -> None:
        with redis.Redis.from_url(endpoints.redis_url) as client:
            client.save()


@pytest.fixture(scope="session")
def clients() -> Clients:
    return Clients()


class Processes:
    """What runs on a data folder right now, found without the code under test."""

    def on(self, data: Path) -> list[int]:
        folders = {str(data / name) for name in ("postgres", "valkey")}
        return sorted(pid for pid in self._all() if self._folder(pid) in folders)

    def alive(self, pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False
        return "State:\tZ" not in status

    def status(self, pid: int, field: str) -> list[str]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(line.split()[1:] for line in lines if line.startswith(f"{field}:"))

    def sockets(self, pid: int) -> set[str]:
        """Inodes of its open sockets; a process or a connection may end while we look."""
        inodes = set()
        with suppress(FileNotFoundError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    kind, _, inode = str(descriptor.readlink()).partition(":")
                    inodes |= {inode[1:-1]} if kind == "socket" else set()
        return inodes

    def _all(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]

    def _folder(self, pid: int) -> str:
        try:
            return str(Path(f"/proc/{pid}/cwd").readlink())
        except OSError:
            return ""


@pytest.fixture(scope="session")
def processes() -> Processes:
    return Processes()


class Run:
    """A holder.py process and what it reported."""

    def __init__(self, data: Path, *options: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, str(HOLDER), str(data), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if "--no-namespaces" in options:
            self._map_all_users()
        line = self._child.stdout.readline()
        if not line:
            self.end()
            pytest.fail("holder.py died without a report; its traceback is on stderr")
        self.report = json.loads(line)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            self.report["database_url"], self.report["redis_url"], self.report["service_url"]
        )

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(10)

    def interrupt(self, number: signal.Signals) -> None:
        self._child.send_signal(number)
        self._child.wait(30)

    def end(self) -> None:
        self._child.stdin.close()
        self._child.wait(60)
        self._child.stdout.close()

    def _map_all_users(self) -> None:
        pid = int(self._child.stdout.readline())
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text("0 0 65536")
        self._child.stdin.write("\n")
        self._child.stdin.flush()


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    """Starts holder.py on a data folder; ended after the test if the test has not killed it."""
    runs: list[Run] = []

    def start(data: Path, *options: str) -> Run:
        runs.append(Run(data, *options))
        return runs[-1]

    yield start
    for each in runs:
        each.end()


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: only root may become other users")
