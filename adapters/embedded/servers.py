"""A real PostgreSQL and a real Valkey for `fm-auth serve` and for the tests."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

from adapters.embedded.binaries import postgres_program, valkey_program
from adapters.embedded.cluster import DATABASE, SERVICE, SUPERUSER
from adapters.embedded.directory import DataDirectory
from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.identity import Choice, choose
from adapters.embedded.logfile import LogFile
from adapters.embedded.postgres import PORT, PostgresServer
from adapters.embedded.sockets import SocketFolders
from adapters.embedded.valkey import SOCKET, ValkeyServer

ServerT = TypeVar("ServerT", PostgresServer, ValkeyServer)


@dataclass(frozen=True)
class Endpoints:
    """Where the running servers are, as URLs for libpq or asyncpg and for redis-py.

    ``database_url`` is for the owner of everything, ``service_url`` for a role that owns nothing:
    it is there once the owner has migrated.
    """

    database_url: str
    redis_url: str
    service_url: str


class EmbeddedServers:
    """PostgreSQL and Valkey on the data in one folder, for one run at a time.

    One thread starts and stops them; another one may `revive` them in between.
    """

    def __init__(
        self, data_dir: Path, *, durable: bool = True, choose_identity: Choice = choose
    ) -> None:
        """Touch nothing yet; `data_dir` is made by `start` if it is missing.

        `durable=False` gives up safety against power loss for speed; for tests.
        """
        self._directory = DataDirectory(data_dir)
        self._sockets = SocketFolders(self._directory)
        self._durable = durable
        self._choose_identity = choose_identity
        self._starter: int | None = None
        self._launching = Lock()
        # what start has done, undone in reverse order, each step whatever happens to the others
        self._undo = ExitStack()
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None

    @property
    def postgres(self) -> PostgresServer:
        """The PostgreSQL server; only between `start` and `stop`."""
        return _started(self._postgres)

    @property
    def valkey(self) -> ValkeyServer:
        """The Valkey server; only between `start` and `stop`."""
        return _started(self._valkey)

    def start(self) -> Endpoints:
        """Start both servers, or adopt those of a run that was killed; returns when both answer.

        A second call starts again what has ended in between.

        Raises EmbeddedServersError: they cannot run; nothing is left running then.
        """
        try:
            if self._starter is None:
                self._open()
            # Valkey comes up while PostgreSQL is made or recovers
            self.valkey.launch()
            self.postgres.start()
            self.valkey.wait_ready()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise EmbeddedServersError(
                    f"the data folder {self._directory.path} cannot be used: {error}. "
                    "Make it a folder that this user can write, or choose another one."
                ) from error
            raise
        return self._endpoints()

    def running(self) -> Endpoints | None:
        """Where the servers of another run are that holds the data folder now; None without one."""
        return self._endpoints() if self._directory.in_use() else None

    def revive(self) -> tuple[str, ...]:
        """Start again what has ended since `start`, and say what that was; nothing after `stop`.

        Raises EmbeddedServersError: a server does not start; the other one is left alone.
        """
        with self._launching:  # `stop` must know every process that there is
            if self._starter != os.getpid():
                return ()
            ended = [server for server in (self.postgres, self.valkey) if server.pid is None]
            for server in ended:
                server.launch()
        for server in ended:
            server.wait_ready()
        return tuple(server.name for server in ended)

    def stop(self) -> None:
        """Stop both servers, spawned or adopted; leaves the data and the logs, nothing else.

        No-op when not started, and in a process forked from the one that started.

        Raises EmbeddedServersError: a server's process does not end.
        """
        if self._starter != os.getpid():
            return
        with self._launching:
            self._starter = self._postgres = self._valkey = None
            self._undo.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _endpoints(self) -> Endpoints:
        place = f"@/{DATABASE}?host={quote(str(self._sockets.postgres))}&port={PORT}"
        return Endpoints(
            database_url=f"postgresql://{SUPERUSER}{place}",
            redis_url=f"unix://{quote(str(self._sockets.valkey / SOCKET))}",
            service_url=f"postgresql://{SERVICE}{place}",
        )

    def _open(self) -> None:
        # programs first: without them there is no reason to make a data folder
        postgres = postgres_program(PostgresServer.program)
        valkey_program()
        self._starter = os.getpid()
        directory, sockets, undo = self._directory, self._sockets, self._undo
        undo.callback(directory.close)
        directory.open()
        identity = self._choose_identity(postgres, directory.postgres)
        sockets.make(identity)
        undo.callback(sockets.remove)
        self._postgres = PostgresServer(
            directory.postgres,
            socket_folder=sockets.postgres,
            log=LogFile(directory.log / "postgres.log"),
            identity=identity,
            durable=self._durable,
        )
        undo.callback(self._postgres.stop)
        self._valkey = ValkeyServer(
            directory.valkey,
            socket_folder=sockets.valkey,
            log=LogFile(directory.log / "valkey.log"),
        )
        undo.callback(self._valkey.stop)


def _started(server: ServerT | None) -> ServerT:
    if server is None:
        raise EmbeddedServersError("the embedded servers are not started")
    return server
