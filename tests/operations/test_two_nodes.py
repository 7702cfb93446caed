"""Two nodes of two workers each, behind a balancer: one service, wherever a request goes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from tempfile import mkdtemp

import httpx
import pytest

from adapters.embedded import EmbeddedServers
from tests.e2e.conftest import NewDatabase, deployment
from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    Services,
    eventually,
    fm_auth,
    new_name,
    services_in,
)
from tests.operations.balancer import Balancer, balancing
from tests.operations.pressing import Errand, pressing

PASSWORD, NEW_PASSWORD = "nine lanterns over a harbour", "an altogether different sentence"
ROUNDS = 10


@dataclass(frozen=True)
class Pair:
    """Two nodes of one deployment."""

    one: Service
    other: Service
    balancer: Balancer
    settings: dict[str, str]

    def at_all_workers(self, token: str) -> list[int]:
        """What each of the four workers answers to a token, those of the other node first."""
        headers = {"Authorization": f"Bearer {token}"}
        return [
            answer.status_code
            for node in (self.other, self.one)
            for answer in node.ask_each("/api/v1/auth/me", headers=headers)
        ]


@pytest.fixture(scope="module")
def pair(their_servers: EmbeddedServers, new_database: NewDatabase) -> Iterator[Pair]:
    """They leave as in production; a refresh token has no parallel window."""
    settings = {
        **deployment(their_servers, new_database()),
        "WORKERS": "2",
        "AUTH_SHUTDOWN_DELAY": "5",
        "SHUTDOWN_TIMEOUT": "25",
        "AUTH_REFRESH_PARALLEL_SECONDS": "0",
    }
    with services_in(Path(mkdtemp(prefix="fm-e2e-"))) as services:
        one, other = services(settings).spawn(), services(settings).spawn()
        for node in (one, other):
            node.up()
        with balancing([one.port, other.port]) as balancer:
            eventually(lambda: len(balancer.ready) == 2)
            yield Pair(one, other, balancer, settings)


@pytest.mark.sec("SEC-29", "SEC-33")
def test_after_a_logout_on_one_node_no_worker_of_any_takes_the_token(pair: Pair) -> None:
    name, _ = pair.one.register()
    for _ in range(ROUNDS):
        token = pair.one.log_in(name)
        assert [200] * 4 == pair.at_all_workers(token)  # all have it in mind

        pair.one.log_out(token)

        assert [401] * 4 == pair.at_all_workers(token)


@pytest.mark.sec("SEC-31")
def test_a_refresh_token_used_on_both_nodes_at_once_has_one_successor(pair: Pair) -> None:
    name = new_name()
    answer = pair.one.post("dev-register", {"username": name})
    token = answer.json()["refresh_token"]
    asked = [pair.one.url, pair.other.url] * 4
    with ThreadPoolExecutor(len(asked) + 2) as threads:
        for _ in range(ROUNDS):
            before = token
            logins = [threads.submit(log_in, url, name) for url in asked[:2]]
            answers = [*threads.map(lambda url, token=before: refreshed(url, token), asked)]
            assert {200} == {answer.status_code for answer in answers}
            (token,) = {answer.json()["refresh_token"] for answer in answers}
            assert {200} == {login.result() for login in logins}

    live = answers[0].json()["access_token"]
    assert [200] * 4 == pair.at_all_workers(live)
    assert 200 == refreshed(pair.other.url, token).status_code
    stolen = refreshed(pair.one.url, before)
    assert (401, "invalid_refresh_token") == (stolen.status_code, stolen.json()["code"])
    assert [401] * 4 == pair.at_all_workers(live)
    assert 401 == refreshed(pair.other.url, token).status_code


@pytest.mark.sec("SEC-29")
def test_a_new_password_on_one_node_ends_the_sessions_on_all(pair: Pair) -> None:
    name = new_name()
    signed_up = pair.one.post(
        "register", {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    )
    assert 201 == signed_up.status_code
    signed_in = pair.other.post("login", {"username": name, "password": PASSWORD})
    tokens = [answer.json()["access_token"] for answer in (signed_up, signed_in)]
    assert [[200] * 4] * 2 == [pair.at_all_workers(token) for token in tokens]
    assert 202 == pair.other.post("forgot-password", {"email": f"{name}@example.com"}).status_code
    letter = mailed(pair.one, f"{name}@example.com")

    body = {"token": letter, "new_password": NEW_PASSWORD}
    assert 200 == pair.one.post("reset-password", body).status_code

    assert [[401] * 4] * 2 == [pair.at_all_workers(token) for token in tokens]
    assert 400 == pair.other.post("reset-password", body).status_code
    log_ins = [
        pair.other.post("login", {"username": name, "password": password}).status_code
        for password in (PASSWORD, NEW_PASSWORD)
    ]
    assert [401, 200] == log_ins


@pytest.mark.sec("SEC-45")
def test_a_key_that_is_killed_is_dead_at_every_worker_and_its_successor_known(pair: Pair) -> None:
    _, before = pair.one.register()
    assert [200] * 4 == pair.at_all_workers(before)
    kid = pair.one.kid()

    done = fm_auth("key", "rotate", "--now", settings=pair.settings)
    assert 0 == done.returncode, done.stderr

    eventually(lambda: pair.at_all_workers(before) == [401] * 4)
    for node in (pair.one, pair.other):
        eventually(lambda node=node: kid not in kids(node))
        _, after = node.register()
        assert [200] * 4 == pair.at_all_workers(after)


@pytest.mark.sec("SEC-13")
def test_guesses_at_both_nodes_count_together(services: Services, settings: dict[str, str]) -> None:
    limited = {**settings, "RATE_LIMIT_ENABLED": "true"}
    nodes = [services(limited).spawn(), services(limited).spawn()]
    for node in nodes:
        node.up()
    name = new_name()
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert 201 == nodes[0].post("register", body).status_code

    wrong = {"username": name, "password": NEW_PASSWORD}
    guesses = [nodes[number % 2].post("login", wrong).status_code for number in range(10)]

    assert [401] * 10 == guesses
    right = {"username": name, "password": PASSWORD}
    assert [429, 429] == [node.post("login", right).status_code for node in nodes]


def test_nodes_are_restarted_one_after_another_without_a_failed_request(pair: Pair) -> None:
    name, token = pair.one.register()
    body = f'{{"username": "{name}"}}'.encode()
    errands = [
        Errand("GET", "/api/v1/auth/me", token=token),
        Errand("POST", "/api/v1/auth/dev-login", body=body),
    ]
    with pressing(pair.balancer.port, errands, kept=4, fresh=4) as press:
        for node in (pair.one, pair.other):
            eventually(lambda: len(pair.balancer.ready) == 2)
            press.goes_on()
            assert 0 == node.end(SIGTERM)
            press.goes_on()
            node.start()
        eventually(lambda: len(pair.balancer.ready) == 2)
        press.goes_on()

    assert {} == press.failures
    assert 0 == pair.balancer.unserved
    assert press.told_to_leave
    assert [200] * 4 == pair.at_all_workers(token)


def test_a_node_that_is_killed_fails_only_what_it_was_at(pair: Pair) -> None:
    _, token = pair.one.register()
    errands = [Errand("GET", "/api/v1/auth/me", token=token)]
    with pressing(pair.balancer.port, errands, kept=4, fresh=4) as press:
        press.goes_on()
        pair.one.end(SIGKILL)
        press.goes_on(400)
        eventually(lambda: {pair.other.port} == pair.balancer.ready)
        pair.one.start()
        eventually(lambda: len(pair.balancer.ready) == 2)
        press.goes_on()

    # each client had one request there, or a few more while its processes went one by one
    assert press.failures.total() <= 8 * 4
    assert all(kind.startswith(("sending: ", "reading: ")) for kind in press.failures)
    assert [200] * 4 == pair.at_all_workers(token)


def kids(node: Service) -> set[str]:
    """The ids of the keys that a node publishes."""
    return {key["kid"] for key in node.get("/.well-known/jwks.json").json()["keys"]}


def mailed(node: Service, address: str) -> str:
    """The token in the newest letter to this address."""
    listed = node.client.get("/dev/mail", headers={"Accept": "application/json"}).json()
    link = next(item["link"] for item in listed["items"] if item["to"] == address)
    return str(httpx.URL(link).params["token"])


def refreshed(url: str, token: str) -> httpx.Response:
    """The answer to a refresh on a connection of its own."""
    return httpx.post(
        f"{url}/api/v1/auth/refresh",
        json={"refresh_token": token},
        timeout=ANSWER_SECONDS,
        trust_env=False,
    )


def log_in(url: str, name: str) -> int:
    """The status of a log-in on a connection of its own."""
    return httpx.post(
        f"{url}/api/v1/auth/dev-login",
        json={"username": name},
        timeout=ANSWER_SECONDS,
        trust_env=False,
    ).status_code
