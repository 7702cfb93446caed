"""`fm-auth` as people run it: real processes, watched from outside."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg
import httpx

from tests.e2e.workers import Workers

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FM_AUTH = str(BIN / "fm-auth")
START_SECONDS = 120.0
END_SECONDS = 60.0
ANSWER_SECONDS = 60.0
_PORTS = (20000, 32000)
"""Below those that outgoing connections get."""

T = TypeVar("T")


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process gets: the settings, and nothing from the shell of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "HOME": "/nonexistent", **(settings or {})}


def fm_auth(
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    cwd: Path | str = "/",
    stdin: str | bytes = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [FM_AUTH, *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(settings),
        cwd=cwd,
        timeout=START_SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def eventually(probe: Callable[[], T], *, seconds: float = 60.0) -> T:
    """What ``probe`` returns, once that is true; an AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: last was {found!r}"
        time.sleep(0.02)


def free_port() -> int:
    """A port of loopback that nobody has, and no other test gets while this process lives."""
    while True:
        # not `random`: pytest-randomly gives all workers the same seed
        port = _PORTS[0] + secrets.randbelow(_PORTS[1] - _PORTS[0])
        if not _reserved(port):
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _reserved(port: int) -> bool:
    """Keep a port, also while nobody listens on it: between two starts of a service, or before.

    By a name in the abstract namespace, which the kernel takes back when this process ends.
    """
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0fm-auth-test-port-{port}")
    except OSError:
        held.close()
        return False
    held.detach()
    return True


def takes_connections(port: int) -> bool:
    """Whether anybody listens on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def processes_of(folder: Path) -> dict[int, str]:
    """Every process that has to do with a folder, by what it runs, where, and its environment."""
    sign = os.fsencode(folder)
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if not command:  # a zombie or a kernel thread
                continue
            place = os.fsencode((entry / "cwd").readlink())
            if sign in command or sign in place or sign in (entry / "environ").read_bytes():
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def sockets_in(folder: Path) -> list[Path]:
    """The unix sockets left in a folder."""
    return [path for path in folder.rglob("*") if path.is_socket()]


def kill_all(folder: Path) -> None:
    """SIGKILL everything that has to do with a folder, until nothing is left."""

    def none_left() -> bool:
        pids = processes_of(folder)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    eventually(none_left)


def sql(url: str, statement: str, *arguments: object) -> list[Any]:
    """Rows of one statement, run by an administrator."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close(timeout=ANSWER_SECONDS)

    # a loop of its own in a thread of its own: that of pytest-asyncio is left alone
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


class Service:
    """One `fm-auth serve` in a session of its own, and ways to talk to it and to end it."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        command: Sequence[str] = (FM_AUTH, "serve"),
        port: int | None = None,
        become: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"serve-{self.port}.log"
        self._settings = {"PORT": str(self.port), **(settings or {})}
        self._cwd = cwd or folder
        self._command = list(command)
        self._become = dict(become or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        self.workers = Workers(self.port, lambda: self.pid, self._new_client)

    @property
    def output(self) -> str:
        """All that it has written so far, of every start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The process that was started; its workers are children of it."""
        assert self.process is not None
        return self.process.pid

    @property
    def client(self) -> httpx.Client:
        """A client that keeps its connections: it stays with one worker."""
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, timeout=ANSWER_SECONDS, trust_env=False, verify=False
        )

    def spawn(self) -> Self:
        """Start it and do not wait."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(self._settings),
                cwd=self._cwd,
                start_new_session=True,
                **self._become,
            )
        return self

    def start(self) -> Self:
        """Start it and wait until all its workers answer."""
        return self.spawn().up()

    def up(self) -> Self:
        """The same, once all its workers answer."""
        eventually(self._answers, seconds=START_SECONDS)
        self.ask_each("/health")
        return self

    def ask_each(self, path: str, **request: Any) -> list[httpx.Response]:
        """GET from every worker, each on a connection that is known to be its own."""
        answers: dict[int, httpx.Response] = {}
        count = int(self._settings.get("WORKERS", "1"))

        def all_have_answered() -> bool:
            self._assert_running()
            self.workers.ask(path, answers, **request)
            return len(answers) >= count and answers.keys() >= self.workers.pids()

        eventually(all_have_answered)
        return list(answers.values())

    def restart(self) -> Self:
        """End it and start it again."""
        self.end()
        return self.start()

    def end(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> int:
        """Signal it (or, as a terminal does, all its processes) and return its exit status."""
        process = self.process
        if process is None:
            return 0
        self._hang_up()
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, number)
        return self.wait()

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Its exit status; an AssertionError when it does not end."""
        assert self.process is not None
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s:\n{self.output}") from None
        self.process = None
        return status

    def refusal(self) -> tuple[int, str]:
        """Start it where it cannot serve: its exit status and what it says."""
        said = len(self.output)
        self.spawn()
        status = self.wait(START_SECONDS)
        return status, self.output[said:]

    def close(self) -> None:
        """Leave nothing of it behind, whatever has happened."""
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL, group=True)
        self._hang_up()

    def _hang_up(self) -> None:
        self.workers.close()
        if self._client is not None:
            self._client.close()
            self._client = None

    def get(self, path: str, token: str = "") -> httpx.Response:
        """GET."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.get(path, headers=headers)

    def post(self, path: str, body: object = None, token: str = "") -> httpx.Response:
        """POST JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.post(f"/api/v1/auth/{path}", json=body, headers=headers)

    def register(self, name: str = "") -> tuple[str, str]:
        """A new user and an access token of theirs."""
        name = name or new_name()
        answer = self.post("dev-register", {"username": name})
        assert 201 == answer.status_code, answer.text
        return name, answer.json()["access_token"]

    def log_in(self, name: str) -> str:
        """A further access token of a user."""
        answer = self.post("dev-login", {"username": name})
        assert 200 == answer.status_code, answer.text
        return str(answer.json()["access_token"])

    def log_out(self, token: str) -> None:
        """End a session."""
        assert 200 == self.post("logout", token=token).status_code

    def check(self, token: str) -> int:
        """The status of /me."""
        return self.get("/api/v1/auth/me", token).status_code

    def checks(self, token: str, *, times: int = 3) -> set[int]:
        """The statuses of /me from every worker, so many times from each."""
        headers = {"Authorization": f"Bearer {token}"}
        return {
            answer.status_code
            for _ in range(times)
            for answer in self.ask_each("/api/v1/auth/me", headers=headers)
        }

    def readiness(self) -> str:
        """`ready`, `degraded` or the error code; `mixed` when its workers do not agree."""
        bodies = [answer.json() for answer in self.ask_each("/health/ready")]
        found = {body["code"] if "code" in body else body["status"] for body in bodies}
        return found.pop() if len(found) == 1 else "mixed"

    def until(self, readiness: str) -> None:
        """Wait until all its workers say so."""
        eventually(lambda: self.readiness() == readiness)

    def kid(self) -> str:
        """The id of its active key."""
        return str(self.get("/.well-known/jwks.json").json()["keys"][0]["kid"])

    def _answers(self) -> bool:
        self._assert_running()
        with suppress(httpx.TransportError):
            return httpx.get(
                f"{self.url}/health", timeout=5, trust_env=False, verify=False
            ).is_success
        return False

    def _assert_running(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output}"


class Services:
    """Makes services and ends them all, with everything in their folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Service] = []

    def __call__(self, settings: Mapping[str, str] | None = None, **options: Any) -> Service:
        """A service that is not started yet. Without a database it keeps its data in `.data`."""
        made = Service(self.folder, settings, **options)
        self._made.append(made)
        return made

    @property
    def data(self) -> Path:
        """The data folder of embedded runs."""
        return self.folder / ".data"


@contextmanager
def services_in(folder: Path) -> Iterator[Services]:
    """Services whose processes end here, whatever has happened."""
    services = Services(folder)
    try:
        yield services
    finally:
        for service in services._made:
            service.close()
        kill_all(folder)
        shutil.rmtree(folder, ignore_errors=True)


def new_name() -> str:
    """A user name that nobody has."""
    return f"user-{secrets.token_hex(6)}"


def assert_unavailable(answer: httpx.Response) -> None:
    """A 503 as the contract wants it."""
    assert 503 == answer.status_code, answer.text
    assert "application/problem+json" == answer.headers["content-type"].partition(";")[0]
    assert int(answer.headers["retry-after"]) >= 1
    assert "service_unavailable" == answer.json()["code"]
