"""The revocation feed of real processes: what reaches a service, and when not to trust it."""

import json
import os
import signal
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from signal import SIGINT, SIGTERM
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis import Redis

from adapters.embedded import EmbeddedServers
from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    Services,
    eventually,
    processes_of,
    sql,
)

SECRET = "canary-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CLIENTS = {
    "AUTH_CLIENTS": json.dumps(
        [{"client_id": "api", "client_secret": SECRET, "allow": ["revocations", "revoke"]}]
    )
}
FEED = "/api/v1/auth/revocations"


def snapshots(service: Service) -> list[dict[str, Any]]:
    """From each worker; empty from one that does not know."""
    answers = service.ask_each(FEED, auth=("api", SECRET))
    return [dict(each.json()) if each.status_code == 200 else {} for each in answers]


def knows(service: Service, session_id: str) -> Callable[[], bool]:
    """Whether every worker does."""
    return lambda: all(
        session_id in {each["session_id"] for each in snapshot.get("revocations", ())}
        for snapshot in snapshots(service)
    )


class Follower(threading.Thread):
    """Reads a stream until it ends; keeps what it brought."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._url = f"{service.url}{FEED}/stream"
        self.lines: list[str] = []
        self.ended = False
        self.status = 0
        self.worker: int | None = None

    def run(self) -> None:
        try:
            with httpx.stream(
                "GET", self._url, auth=("api", SECRET), timeout=ANSWER_SECONDS, trust_env=False
            ) as answer:
                self.status = answer.status_code
                self.worker = self._service.workers.behind(answer)
                for line in answer.iter_lines():
                    self.lines.append(line)
        except httpx.TransportError:
            pass
        finally:
            self.ended = True

    def moments(self) -> list[str]:
        """Up to when it was said to be complete, each time."""
        return [line for line in self.lines if line.startswith('data: {"as_of"')]

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)


def follow(service: Service) -> Follower:
    """A follower that has heard something."""

    def begun() -> Follower | None:
        # a worker that stood still does not know enough for some moments, and says so
        follower = Follower(service)
        follower.start()
        eventually(lambda: follower.has("event: alive") or follower.ended)
        return None if follower.ended else follower

    found = eventually(begun)
    assert found is not None
    return found


def follow_each(service: Service) -> list[Follower]:
    """Followers at every worker."""
    followers: list[Follower] = []

    def everywhere() -> bool:
        followers.append(follow(service))
        return {follower.worker for follower in followers} >= service.workers.pids()

    eventually(everywhere)
    return followers


@pytest.fixture
def feeding(
    services: Services, settings: dict[str, str], external: EmbeddedServers
) -> Iterator[Service]:
    """Two workers on servers that may be ill-treated."""
    service = services({**settings, **CLIENTS, "WORKERS": "2"}).start()
    eventually(lambda: all(snapshots(service)))
    yield service
    external.start()


def log_in(service: Service) -> tuple[str, str]:
    """A token and the session behind it."""
    answer = service.post("dev-register", {"username": f"u-{os.urandom(6).hex()}"}).json()
    return answer["access_token"], answer["session_id"]


@pytest.mark.sec("SEC-29")
def test_a_logout_reaches_every_follower_at_whatever_worker(feeding: Service) -> None:
    token, session_id = log_in(feeding)
    followers = follow_each(feeding)

    feeding.log_out(token)

    cut = 0

    def all_know() -> bool:
        nonlocal cut
        for place, follower in enumerate(followers):
            if follower.ended:
                cut += 1
                followers[place] = follow(feeding)
        return all(follower.has(session_id) for follower in followers)

    eventually(all_know)
    # only whom the service says it has cut off, as on a machine that stood still, came again
    assert cut <= feeding.output.count("feed_client_cut")
    assert SECRET not in feeding.output


@pytest.mark.sec("SEC-33")
def test_a_flushed_redis_gets_everything_back(feeding: Service, external: EmbeddedServers) -> None:
    token, session_id = log_in(feeding)
    feeding.log_out(token)
    redis = Redis.from_url(external.start().redis_url)

    redis.flushall()

    def restored() -> bool:
        entries = [entry[b"sid"].decode() for _, entry in redis.xrange("auth:revocations")]
        return session_id in entries and redis.exists("auth:revocations:as_of") == 1

    eventually(restored)
    redis.close()
    eventually(knows(feeding, session_id))


@pytest.mark.sec("SEC-72")
def test_without_redis_the_feed_goes_on(feeding: Service, external: EmbeddedServers) -> None:
    token, session_id = log_in(feeding)
    followers = follow_each(feeding)
    external.valkey.stop()

    feeding.log_out(token)

    eventually(knows(feeding, session_id))
    # (one that was cut off meanwhile is told when it comes again)
    eventually(lambda: all(each.has(session_id) or each.ended for each in followers))
    assert any(each.has(session_id) for each in followers)
    external.start()
    redis = Redis.from_url(external.start().redis_url)
    eventually(
        lambda: (
            session_id in [entry[b"sid"].decode() for _, entry in redis.xrange("auth:revocations")]
        )
    )
    redis.close()


@pytest.mark.sec("SEC-72")
def test_without_postgresql_nothing_is_promised_until_it_is_back(
    feeding: Service, external: EmbeddedServers
) -> None:
    before = max(snapshot["as_of"] for snapshot in snapshots(feeding))
    follower = follow(feeding)
    external.postgres.stop()

    eventually(lambda: not any(snapshots(feeding)))
    # whoever follows hears that we are here, and that nothing newer is known
    eventually(lambda: 1 == len(set(follower.moments()[-2:])))
    told = len(follower.moments())
    eventually(lambda: len(follower.moments()) > told + 1)
    assert 1 == len(set(follower.moments()[told - 1 :]))
    assert not any(snapshots(feeding))
    external.start()

    eventually(lambda: all(each.get("as_of", 0) > before for each in snapshots(feeding)))
    eventually(lambda: len(set(follower.moments()[told - 1 :])) > 1)


@pytest.mark.sec("SEC-52")
def test_a_client_that_stops_reading_is_cut_off(
    services: Services, settings: dict[str, str]
) -> None:
    service = services({**settings, **CLIENTS}).start()
    token, session_id = log_in(service)
    # more than the buffers between here and there hold, at once
    sql(
        settings["DATABASE_OWNER_URL"],
        "INSERT INTO sessions (id, user_id, created_at, expires_at, absolute_expires_at,"
        " last_used_at, scopes, user_epoch, refresh_counter, recent_rotations, ended_at,"
        " end_reason) SELECT gen_random_uuid(), user_id, created_at, expires_at,"
        " absolute_expires_at, last_used_at, scopes, user_epoch, 0, recent_rotations, now(),"
        " 'logout' FROM sessions, generate_series(1, 120000) WHERE id = $1",
        UUID(session_id),
    )
    eventually(lambda: len(snapshots(service)[0].get("revocations", ())) >= 120_000, seconds=240)
    blocked = socket.socket()
    blocked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with blocked:
        blocked.connect(("127.0.0.1", service.port))
        credentials = b64encode(f"api:{SECRET}".encode()).decode()
        request = f"GET {FEED}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}"
        blocked.sendall(f"{request}\r\n\r\n".encode())

        eventually(lambda: "feed_client_cut" in service.output, seconds=240)
        blocked.settimeout(ANSWER_SECONDS)
        received = 0
        with suppress(ConnectionError):
            while data := blocked.recv(65536):  # it ends: the stream was cut, not only left
                received += len(data)

    assert received < 120_000 * 100
    assert "Traceback" not in service.output
    assert SECRET not in service.output
    assert 200 == service.check(token)


@pytest.mark.parametrize(("number", "group"), [(SIGINT, True), (SIGTERM, False)])
def test_a_stop_ends_open_streams_and_does_not_wait_for_them(
    services: Services, settings: dict[str, str], number: signal.Signals, *, group: bool
) -> None:
    service = services({**settings, **CLIENTS}).start()
    follower = follow(service)

    status = service.end(number, group=group)

    assert 0 == status
    eventually(lambda: follower.ended)
    assert "worker_killed" not in service.output
    assert "requests_cut" not in service.output
    assert "Traceback" not in service.output
    assert {} == processes_of(services.folder)
