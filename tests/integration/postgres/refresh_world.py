"""The world of the refresh machine on a real PostgreSQL and a real Valkey."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import asyncpg
import msgspec

from adapters.postgres.url import dsn
from adapters.system import SystemClock
from app.in_process import ConnectedCore
from app.settings import load_settings
from auth_core.core import Core
from auth_core.kernel import Secret
from auth_core.testing import ManualClock
from auth_core.testing.contracts.making import stored_user
from auth_core.users import User
from tests.integration.redis.valkey_process import ValkeyProcess
from tests.service_role import as_service
from tests.unit.auth_core.sessions.refresh_machine import OPTIONS

PROCESSES = 3


class Steps:
    """What counts the steps towards storage and fails at the one that was chosen."""

    def __init__(self) -> None:
        self.left = 0
        self.failure: BaseException | None = None

    def take(self) -> None:
        self.left -= 1
        if self.left == 0 and self.failure is not None:
            raise self.failure


class TroubledCounter:
    """Fails before the statement, or after it: then it is durable, and the answer is lost."""

    def __init__(self, counter, steps: Steps) -> None:
        self._counter, self._steps = counter, steps

    async def advance(self, *args, **kwargs):
        self._steps.take()
        rotated = await self._counter.advance(*args, **kwargs)
        self._steps.take()
        return rotated


class TroubledUnitOfWork:
    """Fails at the beginning, before a commit, or after it."""

    def __init__(self, uow, steps: Steps) -> None:
        self._uow, self._steps = uow, steps

    async def __aenter__(self):
        self._steps.take()
        await self._uow.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._uow.__aexit__(*error)

    async def commit(self):
        self._steps.take()
        await self._uow.commit()
        self._steps.take()

    def __getattr__(self, name):
        return getattr(self._uow, name)


class Servers:
    """Several processes' connections to one PostgreSQL and one Valkey, for all examples."""

    def __init__(self, database_url: Secret[str], valkey: ValkeyProcess) -> None:
        self.runner = asyncio.Runner()
        self.valkey = valkey
        self.dsn = dsn(database_url)
        self.environ = {
            "DATABASE_URL": as_service(database_url.reveal()),
            "REDIS_URL": valkey.url,
            "AUTH_MASTER_KEY": secrets.token_hex(32),
            "DB_POOL_SIZE": "4",
        }
        self.runner.run(self._open())

    async def _open(self) -> None:
        settings = load_settings(self.environ)
        self.processes = [ConnectedCore(settings, OPTIONS) for _ in range(PROCESSES)]
        for process in self.processes:
            await process.database.check()
            await process.session_cache.start()
        self.observer = await asyncpg.connect(self.dsn)
        # or the last one could not be disabled
        await stored_user(self.processes[0].unit_of_work, roles=("admin",))

    def close(self) -> None:
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.observer.close()
        for process in self.processes:
            await process.close()


class ServersWorld:
    """One user on the servers, and a clock of their own that begins now."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._steps = Steps()
        self._made: list[Core] = []
        self._user_id: UUID | None = None
        self.run = servers.runner.run
        self.username = f"u-{secrets.token_hex(8)}"
        self.clock = ManualClock(SystemClock().now())
        self.core = self.another_worker()

    def another_worker(self) -> Core:
        process = self._servers.processes[len(self._made) % PROCESSES]
        steps = self._steps
        ports = msgspec.structs.replace(
            process.ports,
            clock=self.clock,
            refresh_counter=TroubledCounter(process.ports.refresh_counter, steps),
            unit_of_work=lambda: TroubledUnitOfWork(process.unit_of_work(), steps),
        )
        self._made.append(Core(ports, OPTIONS))
        return self._made[-1]

    def rows(self) -> dict:
        return self.run(self._rows())

    async def _rows(self) -> dict:
        ids = await self._servers.observer.fetch(
            "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = $1",
            self.username,
        )
        async with self._servers.processes[0].unit_of_work() as uow:
            states = [await uow.sessions.state(row["id"], self.clock.now()) for row in ids]
        return {state.session.id: state.session for state in states}

    def user(self) -> User:
        return self.run(self._user())

    async def _user(self) -> User:
        user_id = await self._servers.observer.fetchval(
            "SELECT id FROM users WHERE username = $1", self.username
        )
        async with self._servers.processes[0].unit_of_work() as uow:
            return await uow.users.get(user_id)

    def disable_by_hand(self) -> None:
        self._execute("UPDATE users SET status = 'disabled' WHERE username = $1", self.username)

    def reports(self, session_id) -> tuple[int, int]:
        events = (
            "SELECT count(*) FROM outbox WHERE type = 'session.reuse_detected'"
            " AND payload->>'session_id' = $1"
        )
        audited = (
            "SELECT count(*) FROM audit_records"
            " WHERE session_id = $1 AND action = 'session:reuse_detected'"
        )
        return (
            self.run(self._servers.observer.fetchval(events, str(session_id))),
            self.run(self._servers.observer.fetchval(audited, session_id)),
        )

    @contextmanager
    def trouble(self, step: int, failure: BaseException) -> Iterator[None]:
        self._steps.left, self._steps.failure = step, failure
        try:
            yield
        finally:
            self._steps.failure = None

    def flush(self) -> None:
        if self._servers.valkey.process is not None:
            self._servers.valkey.ask("FLUSHALL")

    def turn_cache(self) -> None:
        if self._servers.valkey.process is None:
            self._servers.valkey.start()
        else:
            self._servers.valkey.kill()

    def close(self) -> None:
        if self._servers.valkey.process is None:
            self._servers.valkey.start()
        for core in self._made:
            self.run(core.keys.close())

    def _execute(self, *statement) -> None:
        self.run(self._servers.observer.execute(*statement))
