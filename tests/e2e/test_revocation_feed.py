"""The revocation feed of real processes: what reaches a service, and when not to trust it."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from signal import SIGINT, SIGTERM
from typing import Any

import httpx
import pytest
from redis import Redis

from adapters.embedded import EmbeddedServers
from tests.e2e.running import Service, Services, eventually, processes_of

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

    eventually(lambda: all(follower.has(session_id) for follower in followers))
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
    told = len(follower.lines)
    assert not any(snapshot(feeding) for _ in range(8))
    assert told == len(follower.lines)
    external.start()

    eventually(lambda: snapshot(feeding).get("as_of", 0) > before)
    eventually(lambda: len(follower.lines) > told)


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
