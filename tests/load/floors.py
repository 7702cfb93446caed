"""The floors: the least that a Litestar application on granian can do, served as ours is.

`python -m tests.load.floors` reads PORT, DATABASE_URL and REDIS_URL.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import redis.asyncio
from granian import Granian
from granian.constants import Interfaces, Loops
from litestar import Litestar, get, post

REDIS_KEY = "bench:floor"
CREATE_TABLE = """\
CREATE TABLE IF NOT EXISTS bench_floor (
    id uuid PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
)"""
_INSERT = "INSERT INTO bench_floor (id, name) VALUES ($1, $2) RETURNING id, created_at"
_POOL_SIZE = 20
_USER = UUID("01890000-0000-7000-8000-000000000000")
_WHEN = "2026-01-01T00:00:00.000000+00:00"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What our /me answers, constant."""

    user_id: UUID = _USER
    username: str = "bench.user.0000"
    email: str = "bench.user.0000@example.com"
    display_name: str = "Bench User 0000"
    created_at: str = _WHEN
    is_dev_user: bool = True
    is_active: bool = True
    roles: tuple[str, ...] = ("admin",)
    is_admin: bool = True
    last_login: str | None = _WHEN
    token_count: int = 1
    email_verified: bool = False
    provider: str = "local"
    organization: str | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What our dev-login is sent."""

    username: str
    email: str | None = None
    password: str | None = None


class Made(msgspec.Struct, frozen=True):
    """What was stored."""

    id: UUID
    created_at: datetime | None


class _Clients:
    """One pool for each server."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._database_url = database_url
        self.redis = redis.asyncio.Redis.from_url(redis_url)
        self.pool: Any = None

    @asynccontextmanager
    async def opened(self, _: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            self._database_url, min_size=0, max_size=_POOL_SIZE, reset=_no_reset
        ) as self.pool:
            yield
        await self.redis.aclose()


async def _no_reset(_: object) -> None:
    """Our connections are not reset either."""


def create() -> Litestar:
    """Granian's factory target."""
    clients = _Clients(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
    return Litestar(
        [*_reading(clients), *_writing(clients)],
        lifespan=[clients.opened],
        openapi_config=None,
        logging_config=None,
    )


def _reading(clients: _Clients) -> list[Callable[..., Any]]:
    @get("/floor/get")
    async def bare_get() -> Profile:
        return Profile()

    @get("/floor/get-redis")
    async def get_redis() -> Profile:
        await clients.redis.get(REDIS_KEY)
        return Profile()

    return [bare_get, get_redis]


def _writing(clients: _Clients) -> list[Callable[..., Any]]:
    @post("/floor/post", status_code=200)
    async def bare_post(data: Body) -> Made:
        return Made(_USER, None)

    @post("/floor/post-insert", status_code=200)
    async def post_insert(data: Body) -> Made:
        async with clients.pool.acquire() as connection:
            row = await connection.fetchrow(_INSERT, uuid4(), data.username)
        return Made(row[0], row[1])

    return [bare_post, post_insert]


def main() -> None:
    """Serve as `fm-auth serve` does."""
    Granian(
        "tests.load.floors:create",
        factory=True,
        interface=Interfaces.ASGI,
        address="127.0.0.1",
        port=int(os.environ["PORT"]),
        workers=1,
        loop=Loops.uvloop,
        websockets=False,
        log_enabled=False,
        workers_kill_timeout=10,
    ).serve()


if __name__ == "__main__":
    main()
