"""A primary, its replicas and their sentinels on loopback, as real processes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tests.e2e.running import eventually, free_port
from tests.integration.mail.conftest import Certificates
from tests.programs import program

MASTER_SET = "fm-auth"
PASSWORD = "pa/ss@word"
SENTINEL_PASSWORD = "sentinel:pass"
DATABASE = 2


def redis_server() -> str:
    """Debian's Redis 7."""
    return program("redis-server", "redis-server")


class Node:
    """One process in a folder of its own."""

    def __init__(
        self,
        program: str,
        folder: Path,
        config: list[str],
        *options: str,
        tls: Certificates | None = None,
    ) -> None:
        self.port = free_port()
        self._ssl = {} if tls is None else {"ssl": True, "ssl_ca_certs": str(tls.ca_path)}
        self._program, self._folder, self._options = program, folder, options
        folder.mkdir()
        self._file = folder / "server.conf"
        ports = [f"port {self.port}"] if tls is None else _over_tls(self.port, tls)
        lines = [*ports, "bind 127.0.0.1", f"dir {folder}", *config]
        self._file.write_text("\n".join([*lines, ""]))
        self._password = SENTINEL_PASSWORD if options else PASSWORD
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self._folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, str(self._file), *self._options],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: self.try_to_ask("PING"))

    def ask(self, *command: object, db: int = 0) -> Any:
        with Redis(
            host="127.0.0.1",
            port=self.port,
            db=db,
            password=self._password,
            protocol=2,
            decode_responses=True,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
            **self._ssl,
        ) as client:
            return client.execute_command(*command)

    def try_to_ask(self, *command: object) -> Any:
        try:
            return self.ask(*command)
        except RedisError:
            return None

    def role(self) -> str:
        answer = self.try_to_ask("ROLE")
        return "" if answer is None else str(answer[0])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


class Constellation:
    """Three servers and three sentinels that need each other's majority."""

    def __init__(self, program: str, folder: Path, tls: Certificates | None = None) -> None:
        self._tls = tls
        config = [
            *(f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"', 'save ""'),
            *("repl-diskless-sync-delay 0", "loglevel warning", "repl-ping-replica-period 1"),
        ]
        self.servers = [Node(program, folder / f"server-{n}", config, tls=tls) for n in range(3)]
        first = self.servers[0].port
        watch = [
            f"sentinel monitor {MASTER_SET} 127.0.0.1 {first} 2",
            f'sentinel auth-pass {MASTER_SET} "{PASSWORD}"',
            f"sentinel down-after-milliseconds {MASTER_SET} 1500",
            f"sentinel failover-timeout {MASTER_SET} 10000",
            f"sentinel parallel-syncs {MASTER_SET} 2",
            f'requirepass "{SENTINEL_PASSWORD}"',
        ]
        self.sentinels = [
            Node(program, folder / f"sentinel-{n}", watch, "--sentinel", tls=tls) for n in range(3)
        ]

    @property
    def settings(self) -> dict[str, str]:
        """What a service is told of it."""
        return {
            "REDIS_MODE": "sentinel",
            "REDIS_SENTINEL_HOSTS": ",".join(each.address for each in self.sentinels),
            "REDIS_MASTER_SET": MASTER_SET,
            "REDIS_PASSWORD": PASSWORD,
            "REDIS_DB": str(DATABASE),
            "REDIS_SENTINEL_PASSWORD": SENTINEL_PASSWORD,
        }

    @property
    def url(self) -> str:
        """The same in one text."""
        places = self.settings["REDIS_SENTINEL_HOSTS"]
        query = {"master": MASTER_SET, "sentinel_password": SENTINEL_PASSWORD}
        if self._tls is not None:
            query["ssl_ca_certs"] = str(self._tls.ca_path)
        scheme = "redis+sentinel" if self._tls is None else "rediss+sentinel"
        credential = quote(PASSWORD, safe="")
        return f"{scheme}://:{credential}@{places}/{DATABASE}?{urlencode(query)}"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        primary, *replicas = self.servers
        for replica in replicas:
            replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        for sentinel in self.sentinels:
            sentinel.start()
        eventually(self._complete)

    def named(self) -> set[int]:
        """The ports of the primaries that the sentinels name."""
        answers = [
            each.try_to_ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_SET)
            for each in self.sentinels
        ]
        return {int(answer[1]) for answer in answers if answer}

    def primary(self) -> Node:
        """The server that all sentinels that answer name, once it knows that it is one."""

        def found() -> Node | None:
            named = self.named()
            servers = [each for each in self.servers if {each.port} == named]
            return servers[0] if servers and servers[0].role() == "master" else None

        return eventually(found)  # type: ignore[return-value]

    def age(self) -> float:
        """For how many seconds all sentinels have been naming the primary."""
        facts = [_facts(each.ask("SENTINEL", "MASTER", MASTER_SET)) for each in self.sentinels]
        return min(int(each["role-reported-time"]) / 1000 for each in facts)

    def fail_over(self) -> None:
        """Have the sentinels choose another primary while the old one lives."""
        eventually(lambda: self.sentinels[0].try_to_ask("SENTINEL", "FAILOVER", MASTER_SET))

    def complete(self) -> None:
        """Wait until every sentinel knows all others, and two replicas that may be promoted."""
        eventually(self._complete)

    def close(self) -> None:
        for node in (*self.sentinels, *self.servers):
            node.kill()

    def _complete(self) -> bool:
        for sentinel in self.sentinels:
            facts = sentinel.try_to_ask("SENTINEL", "MASTER", MASTER_SET)
            replicas = sentinel.try_to_ask("SENTINEL", "REPLICAS", MASTER_SET)
            if facts is None or replicas is None:
                return False
            up = [each for each in replicas if _facts(each)["master-link-status"] == "ok"]
            if _facts(facts)["num-other-sentinels"] != "2" or len(up) != 2:
                return False
        return True


def _facts(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _over_tls(port: int, tls: Certificates) -> list[str]:
    pem = tls.ca_path.with_name("server.pem")
    files = [f"tls-cert-file {pem}", f"tls-key-file {pem}", f"tls-ca-cert-file {tls.ca_path}"]
    return ["port 0", f"tls-port {port}", *files, "tls-auth-clients no", "tls-replication yes"]


@contextmanager
def constellation(
    program: str, folder: Path, tls: Certificates | None = None
) -> Iterator[Constellation]:
    """One that runs."""
    made = Constellation(program, folder, tls)
    try:
        made.start()
        yield made
    finally:
        made.close()
