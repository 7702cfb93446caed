"""Three primaries with a replica each, as real processes of a cluster on loopback."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from adapters.redis.cluster.slots import SLOTS, slot_of
from tests.e2e.running import eventually, free_port

PASSWORD = "cluster/pass@word"
NODE_TIMEOUT_MS = 2000
FAILOVER_SECONDS = 6.0
"""After so long a node has given up a failover by hand, for lack of votes."""


class ClusterNode:
    """One process in a folder of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port, self.bus_port = free_port(), free_port()
        self._program, self._folder = program, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.id = ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        assert self.process is None
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)),
                    *("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--save", ""),
                    *("--dir", str(self._folder), "--loglevel", "notice"),
                    *("--requirepass", PASSWORD, "--masterauth", PASSWORD),
                    *("--repl-diskless-sync-delay", "0"),
                    *("--cluster-require-full-coverage", "no"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: self.try_to_ask("PING"))
        self.id = str(self.ask("CLUSTER", "MYID"))

    def ask(self, *command: object) -> Any:
        with Redis(
            port=self.port,
            password=PASSWORD,
            protocol=2,
            decode_responses=True,
            socket_timeout=30,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            return client.execute_command(*command)

    def ask_raw(self, *command: object) -> object:
        """The answer in bytes."""
        with Redis(port=self.port, password=PASSWORD, protocol=2, socket_timeout=30) as client:
            return client.execute_command(*command)

    def try_to_ask(self, *command: object) -> Any:
        try:
            return self.ask(*command)
        except RedisError:
            return None

    def info(self) -> dict[str, str]:
        answer = str(self.try_to_ask("CLUSTER", "INFO") or "")
        return dict(line.split(":", 1) for line in answer.splitlines() if ":" in line)

    def roles(self) -> frozenset[tuple[str, ...]]:
        """Who is a primary of which slots, and whose replica, as this node sees it."""
        lines = str(self.try_to_ask("CLUSTER", "NODES") or "").splitlines()
        parts = [line.split(" ") for line in lines]
        return frozenset((each[0], each[3], *each[8:]) for each in parts if len(each) > 7)

    def is_primary(self) -> bool:
        answer = self.try_to_ask("ROLE")
        return bool(answer) and answer[0] == "master"

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


class Cluster:
    """Nodes 0, 1, 2 begin as primaries; 3, 4, 5 as their replicas, in this order."""

    def __init__(self, program: str, folder: Path) -> None:
        self.nodes = [ClusterNode(program, folder / f"node-{n}") for n in range(6)]

    @property
    def url(self) -> str:
        """As the adapters take it."""
        hosts = ",".join(each.address for each in self.nodes[:3])
        return f"redis+cluster://:{PASSWORD.replace('/', '%2F').replace('@', '%40')}@{hosts}/0"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        first, *others = self.nodes
        third = SLOTS // 3
        for number, node in enumerate(self.nodes[:3]):
            last = SLOTS - 1 if number == 2 else (number + 1) * third - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", number * third, last)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in others:
            node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, node.bus_port)
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        eventually(
            lambda: all(each.info().get("cluster_known_nodes") == "6" for each in self.nodes)
        )
        for number, replica in enumerate(self.nodes[3:]):
            primary = self.nodes[number]
            eventually(
                lambda replica=replica, primary=primary: replica.try_to_ask(  # type: ignore[misc]
                    "CLUSTER", "REPLICATE", primary.id
                )
            )
        self.complete()

    def complete(self) -> None:
        """Wait until every node is up and says the same of all, and every replica is in step.

        A node that has not heard yet who is a replica gives it no vote.
        """
        eventually(self._is_complete)

    def _is_complete(self) -> bool:
        return len({node.roles() for node in self.nodes}) == 1 and all(
            (info := node.info()).get("cluster_state") == "ok"
            and info.get("cluster_slots_ok") == str(SLOTS)
            and str(node.try_to_ask("CLUSTER", "NODES") or "fail").count("fail") == 0
            and self._in_step(node)
            for node in self.nodes
        )

    def _in_step(self, node: ClusterNode) -> bool:
        role = node.try_to_ask("ROLE")  # a replica that loads its copy refuses
        if not role:
            return False
        return bool(len(role[2]) == 1 if role[0] == "master" else role[3] == "connected")

    def holder_of(self, slot: int) -> ClusterNode:
        """The primary that says itself that it has a slot, once there is one."""

        def found() -> ClusterNode | None:
            return next((each for each in self.nodes if self._holds(each, slot)), None)

        return eventually(found)  # type: ignore[return-value]

    def _holds(self, node: ClusterNode, slot: int) -> bool:
        mine = [
            line
            for line in str(node.try_to_ask("CLUSTER", "NODES") or "").splitlines()
            if "myself,master" in line
        ]
        ranges = [part.partition("-") for line in mine for part in line.split(" ")[8:]]
        return any(
            int(first) <= slot <= int(last or first)
            for first, _, last in ranges
            if not first.startswith("[")
        )

    def replica_of(self, node: ClusterNode) -> ClusterNode:
        """The replica of a primary."""
        _, _, [[_, port, _]] = node.ask("ROLE")
        return next(each for each in self.nodes if each.port == int(port))

    def slots_in_use(self, node: ClusterNode) -> list[int]:
        """The slots of which a node has keys."""
        with Redis(port=node.port, password=PASSWORD, protocol=2, decode_responses=True) as client:
            return sorted({slot_of(key) for key in client.scan_iter(count=1000)})

    def begin_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def move_keys(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            for key in keys:
                self.move_key(key, source, target)

    def move_key(self, key: str, source: ClusterNode, target: ClusterNode) -> None:
        where = ("127.0.0.1", target.port, "", 0, 5000)
        source.ask("MIGRATE", *where, "AUTH", PASSWORD, "KEYS", key)

    def end_move(self, slot: int, target: ClusterNode) -> None:
        for node in (target, *(each for each in self.nodes if each.is_primary())):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """A slot with all that is in it."""
        self.begin_move(slot, source, target)
        self.move_keys(slot, source, target)
        self.end_move(slot, target)

    def promote(self, replica: ClusterNode) -> None:
        """Have a replica take over while its primary lives; nothing is lost by it."""
        self.complete()
        asked = -inf

        def has_taken_over() -> bool:
            nonlocal asked
            if not replica.is_primary() and time.monotonic() - asked > FAILOVER_SECONDS:
                asked = time.monotonic()
                replica.ask("CLUSTER", "FAILOVER")
            return replica.is_primary()

        eventually(has_taken_over)
        self.complete()

    def flush(self) -> None:
        for node in self.nodes:
            if node.is_primary():
                node.ask("FLUSHALL")

    def clients(self) -> list[Redis]:
        """A client of redis-py per primary."""
        return [
            Redis(port=each.port, password=PASSWORD, protocol=2)
            for each in self.nodes
            if each.is_primary()
        ]

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@contextmanager
def cluster_in(folder: Path, program: str) -> Iterator[Cluster]:
    """A cluster that is complete, killed in the end."""
    cluster = Cluster(program, folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
