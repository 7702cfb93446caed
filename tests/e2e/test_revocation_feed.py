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
from tests.e2e.running import Service, Services, eventually, processes_of, sql

SECRET = "canary-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CLIENTS = {
    "AUTH_CLIENTS": json.dumps(
        [{"client_id": "api", "client_secret": SECRET, "allow": ["revocations", "revoke"]}]
    )
}
FEED = "/api/v1/auth/revocations"


def snapshot(service: Service) -> dict[str, Any]:
    """From any worker."""
    answer = httpx.get(f"{service.url}{FEED}", auth=("api", SECRET), timeout=15, trust_env=False)
    return dict(answer.json()) if answer.status_code == 200 else {}


def knows(service: Service, session_id: str) -> Callable[[], bool]:
    return lambda: (
        session_id in {each["session_id"] for each in snapshot(service).get("revocations", ())}
    )


class Follower(threading.Thread):
    """Reads a stream until it ends; keeps what it brought."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._url = f"{service.url}{FEED}/stream"
        self.lines: list[str] = []
        self.ended = False

    def run(self) -> None:
        try:
            with httpx.stream(
                "GET", self._url, auth=("api", SECRET), timeout=30, trust_env=False
            ) as answer:
                self.lines.extend([str(answer.status_code)])
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


@pytest.fixture
def feeding(
    services: Services, settings: dict[str, str], external: EmbeddedServers
) -> Iterator[Service]:
    """Two workers on servers that may be ill-treated."""
    service = services({**settings, **CLIENTS, "WORKERS": "2"}).start()
    eventually(lambda: all(snapshot(service) for _ in range(8)))
    yield service
    external.start()


def log_in(service: Service) -> tuple[str, str]:
    """A token and the session behind it."""
    answer = service.post("dev-register", {"username": f"u-{os.urandom(6).hex()}"}).json()
    return answer["access_token"], answer["session_id"]


@pytest.mark.sec("SEC-29")
def test_a_logout_reaches_every_follower_at_whatever_worker(feeding: Service) -> None:
    token, session_id = log_in(feeding)
    followers = [Follower(feeding) for _ in range(8)]
    for follower in followers:
        follower.start()
    eventually(lambda: all(follower.has("event: alive") for follower in followers))

    feeding.log_out(token)

    came_again = 0

    def all_know() -> bool:
        nonlocal came_again
        for place, follower in enumerate(followers):
            if follower.ended:
                came_again += 1
                followers[place] = Follower(feeding)
                followers[place].start()
        return all(follower.has(session_id) for follower in followers)

    eventually(all_know)
    # only whom the service says it has cut off, as on a machine that stood still, came again
    assert came_again <= feeding.output.count("feed_client_cut")
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
    assert knows(feeding, session_id)()


@pytest.mark.sec("SEC-72")
def test_without_redis_the_feed_goes_on(feeding: Service, external: EmbeddedServers) -> None:
    token, session_id = log_in(feeding)
    follower = Follower(feeding)
    follower.start()
    external.valkey.stop()

    feeding.log_out(token)

    eventually(lambda: all(knows(feeding, session_id)() for _ in range(8)))
    eventually(lambda: follower.has(session_id))
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
    before = snapshot(feeding)["as_of"]
    follower = Follower(feeding)
    follower.start()
    eventually(lambda: follower.has("event: alive"))
    external.postgres.stop()

    eventually(lambda: not any(snapshot(feeding) for _ in range(8)))
    told = len(follower.moments())
    # whoever follows hears that we are here, and that nothing newer is known
    eventually(lambda: len(follower.moments()) > told + 1)
    assert 1 == len(set(follower.moments()[told - 1 :]))
    assert not any(snapshot(feeding) for _ in range(8))
    external.start()

    eventually(lambda: snapshot(feeding).get("as_of", 0) > before)
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
    eventually(lambda: len(snapshot(service).get("revocations", ())) >= 120_000, seconds=60)
    blocked = socket.socket()
    blocked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with blocked:
        blocked.connect(("127.0.0.1", service.port))
        credentials = b64encode(f"api:{SECRET}".encode()).decode()
        request = f"GET {FEED}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}"
        blocked.sendall(f"{request}\r\n\r\n".encode())

        eventually(lambda: "feed_client_cut" in service.output, seconds=30)
        blocked.settimeout(10)
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
    eventually(lambda: snapshot(service))
    follower = Follower(service)
    follower.start()
    eventually(lambda: follower.has("event: alive"))

    status = service.end(number, group=group)

    assert 0 == status
    eventually(lambda: follower.ended)
    assert "Killing worker" not in service.output
    assert "Traceback" not in service.output
    assert {} == processes_of(services.folder)
