"""A failover under two nodes that serve: nobody is turned away, and nobody comes back."""

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.running import ANSWER_SECONDS, Service, Services, eventually, fm_auth
from tests.integration.redis.valkey_process import valkey_server
from tests.operations.constellation import Constellation, redis_server


class Checks:
    """Threads that ask every node about tokens, one after the other, all the time."""

    def __init__(self, nodes: list[Service], kept: list[str]) -> None:
        self.kept, self.ended = kept, list[str]()
        self.wrong: list[str] = []
        self.asked = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[node.url]) for node in nodes]

    @contextmanager
    def going_on(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, url: str) -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=ANSWER_SECONDS) as client:
            while not self._stop.is_set():
                ended = list(self.ended)  # those whose logout has been answered by now
                token = random.choice(ended + self.kept)
                answer = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
                self.asked += 1
                if answer.status_code != (401 if token in ended else 200):
                    known = "ended" if token in ended else "kept"
                    self.wrong.append(f"{known}: {answer.status_code} {answer.text}")
                self._stop.wait(0.005)


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
@pytest.mark.parametrize(
    ("watched", "how"),
    [(redis_server, "killed"), (valkey_server, "handed over")],
    indirect=["watched"],
)
def test_a_failover_under_load_refuses_nobody_and_revives_nobody(
    watched: Constellation, how: str, settings: dict[str, str], services: Services
) -> None:
    del settings["REDIS_URL"]
    settings |= {**watched.settings, "RATE_LIMIT_REQUESTS": "1000000"}
    nodes = [services(settings) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(Service.start, nodes))
    for node in nodes:
        node.until("ready")
    name, kept = nodes[0].register()
    tokens = [nodes[0].log_in(name) for _ in range(24)]
    for node in nodes:
        assert {200} == {node.check(token) for token in (kept, *tokens)}
    checks, old = Checks(nodes, [kept]), watched.primary()

    def log_out(node: Service) -> None:
        token = tokens.pop()
        node.log_out(token)
        checks.ended.append(token)

    def has_moved(node: Service) -> bool:
        if len(tokens) > 4:
            log_out(node)
        return "ready" == node.readiness() and watched.named() not in ({old.port}, set())

    with checks.going_on():
        log_out(nodes[0])
        if how == "killed":
            old.kill()
        else:
            watched.fail_over()
        for node in nodes:
            eventually(lambda node=node: has_moved(node))
        new = watched.primary()
        for node in nodes:
            eventually(lambda node=node: new.address in backs(node))
            node.until("ready")
            log_out(node)
        assert {200} == {node.check(kept) for node in nodes}

    assert not checks.wrong
    assert checks.asked > 100
    assert {401} == {node.check(token) for node in nodes for token in checks.ended}
    # the sentinel that leads the failover is the last to say so
    eventually(lambda: f"3 of 3 name {new.address}" in fm_auth("doctor", settings=settings).stdout)


def backs(node: Service) -> set[str]:
    """Where it has come back to."""
    lines = [line for line in node.output.splitlines() if '"redis_back"' in line]
    return {json.loads(line)["address"].partition(",")[0] for line in lines}
