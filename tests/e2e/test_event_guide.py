"""The programs of docs/guides/events.md, as they stand there, on the events of a real service."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis

from tests.e2e.running import ROOT, Services, environment, eventually
from tests.nats_server import running_nats

PROGRAMS = re.findall(
    r"^```python\n(.*?)^```$",
    (Path(ROOT) / "docs" / "guides" / "events.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
TOLD = ["user.created", "session.created", "user.logged_in"]


@asynccontextmanager
async def running(program: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a program says, which runs until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", program),
        cwd=ROOT,
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def heard(said: asyncio.StreamReader, user_id: str) -> list[str]:
    """The types of events about a user, as many as there must be, in the order of their coming."""
    types: list[str] = []
    async with asyncio.timeout(60):
        while len(types) < len(TOLD) and (line := (await said.readline()).decode()):
            kind, subject, _ = line.split()
            types += [kind] if subject == user_id else []
    return types


async def test_consumers_get_what_happens_in_order_and_acknowledge_it(
    settings: dict[str, str], services: Services
) -> None:
    on_redis, on_nats = PROGRAMS
    on_redis = on_redis.replace("redis://localhost:6379/0", settings["REDIS_URL"])
    async with running_nats() as nats:
        on_nats = on_nats.replace("nats://localhost:4222", nats.url)
        service = services(settings | {"AUTH_NATS_URL": nats.url}).start()
        _, token = service.register()
        user_id = service.get("/api/v1/auth/me", token).json()["user_id"]

        async with running(on_redis) as said:
            assert TOLD == await heard(said, user_id)
            with redis.Redis.from_url(settings["REDIS_URL"]) as client:
                eventually(lambda: client.xpending("auth:events", "billing")["pending"] == 0)

        async with nats.jet_stream() as jet_stream, asyncio.timeout(60):
            while not await jet_stream.streams_info():  # noqa: ASYNC110 - it is elsewhere
                await asyncio.sleep(0.1)
            async with running(on_nats) as said:
                assert TOLD == await heard(said, user_id)
                billing = ("AUTH_EVENTS", "billing")
                while (await jet_stream.consumer_info(*billing)).num_ack_pending:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        assert 0 == service.end()
