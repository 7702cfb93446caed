"""Events on their way: from a change to the Redis stream, and again on command."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import redis

from tests.e2e.running import Services, eventually, fm_auth
from tests.nats_server import running_nats


def entries(settings: dict[str, str]) -> list[dict[bytes, bytes]]:
    with redis.Redis.from_url(settings["REDIS_URL"]) as client:
        return [fields for _, fields in client.xrange("auth:events")]


def of(settings: dict[str, str], user_id: str) -> list[tuple[str, str]]:
    """Ids and types of the events about a user, in the order of the stream."""
    events = [json.loads(fields[b"event"]) for fields in entries(settings)]
    return [(event["id"], event["type"]) for event in events if event["subject"] == user_id]


def test_what_happens_is_in_the_stream_within_a_moment_and_again_when_replayed(
    settings: dict[str, str], services: Services
) -> None:
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()  # noqa: TID251 - the real time
    service = services(settings).start()
    _, token = service.register()
    user_id = service.get("/api/v1/auth/me", token).json()["user_id"]
    service.log_out(token)

    eventually(lambda: "session.revoked" in [kind for _, kind in of(settings, user_id)])
    first = of(settings, user_id)
    assert "user.created" == first[0][1]
    status = fm_auth("events", "status", settings=settings)
    assert (0, True) == (status.returncode, status.stdout.startswith("redis  ")), status.stderr

    replayed = fm_auth("events", "replay", "--since", since, settings=settings)
    assert 0 == replayed.returncode, replayed.stderr
    assert replayed.stdout.startswith("redis: ")
    eventually(lambda: of(settings, user_id) == first * 2)
    assert 0 == service.end()


def test_a_time_or_a_publisher_that_there_is_not_is_refused(settings: dict[str, str]) -> None:
    wrong = fm_auth("events", "replay", "--since", "yesterday", settings=settings)
    assert (2, True) == (wrong.returncode, "is not a time" in wrong.stderr)
    unknown = ("--since", "2026-11-25T10:00Z", "--publisher", "pigeon")
    nobody = fm_auth("events", "replay", *unknown, settings=settings)
    assert (2, True) == (nobody.returncode, "there are: redis" in nobody.stderr)


async def test_events_go_to_nats_as_well(settings: dict[str, str], services: Services) -> None:
    async with running_nats() as nats:
        environ = settings | {"AUTH_NATS_URL": nats.url, "AUTH_NATS_STREAM": "OURS"}
        service = services(environ).start()
        _, token = service.register()
        user_id = service.get("/api/v1/auth/me", token).json()["user_id"]
        eventually(lambda: "user.logged_in" in [kind for _, kind in of(settings, user_id)])
        status = fm_auth("events", "status", settings=environ)

        async def stored() -> list[tuple[str, str]]:
            events = await nats.stored("OURS")
            return [(event.id, event.type) for event in events if event.subject == user_id]

        async with asyncio.timeout(60):
            while of(settings, user_id) != await stored():  # noqa: ASYNC110 - it is elsewhere
                await asyncio.sleep(0.1)
        assert 0 == service.end()

    assert {"nats", "redis"} <= {line.split()[0] for line in status.stdout.splitlines()}
