"""The door of whoever imports the core: in memory, or on PostgreSQL and Valkey."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.container import options
from app.in_process import ConnectedCore, open_core
from app.settings import load_settings
from auth_core import (
    AuthCoreError,
    Core,
    Email,
    EndReason,
    InMemoryCore,
    Principal,
    Registration,
    SessionId,
    SignedIn,
    UserId,
    Username,
    in_memory_core,
)
from auth_core.kernel import Clock, NotFound
from tests.doors.door import House, Refused, Seen, Tokens


class CoreDoor:
    """The services of a core, as a caller in the same process uses them."""

    def __init__(self, core: Core, tick: Callable[[], None] = lambda: None) -> None:
        """``tick`` lets time pass before a sign-in, where it does not pass by itself."""
        self.core = core
        self._tick = tick

    async def register(
        self, username: str, password: str | None = None, email: str | None = None
    ) -> Tokens:
        with refusing():
            registration = Registration.parse(username=username, email=email)
            return tokens(await self.core.sign_in.register(registration, password))

    async def log_in(self, name: str, password: str | None = None) -> Tokens:
        with refusing():
            self._tick()
            parsed = Email.parse(name) if "@" in name else Username.parse(name)
            return tokens(await self.core.sign_in.log_in(parsed, password))

    async def refresh(self, refresh_token: str) -> Tokens:
        with refusing():
            return tokens(await self.core.refresh.redeem(refresh_token))

    async def verify(self, access_token: str) -> str:
        return (await self._principal(access_token)).user.username.value

    async def log_out(self, access_token: str) -> None:
        who = await self._principal(access_token)
        with refusing():
            await self.core.sessions.end(who.user.id, who.session.id, EndReason.LOGOUT)

    async def sessions(self, access_token: str) -> list[Seen]:
        who = await self._principal(access_token)
        with refusing():
            live = await self.core.sessions.live_of(who.user.id)
        return [Seen(str(session.id), session.id == who.session.id) for session in live]

    async def end_session(self, access_token: str, session_id: str) -> None:
        who = await self._principal(access_token)
        with refusing():
            ending = await self.core.sessions.end(
                who.user.id, SessionId(UUID(session_id)), EndReason.REVOKED
            )
            if not ending.ended:
                raise NotFound

    async def end_others(self, access_token: str) -> int:
        who = await self._principal(access_token)
        with refusing():
            return await self.core.sessions.end_all(
                who.user.id, EndReason.REVOKED, keep=who.session.id
            )

    async def end_all(self, access_token: str) -> int:
        who = await self._principal(access_token)
        with refusing():
            return await self.core.sessions.end_all(who.user.id, EndReason.REVOKED_ALL)

    async def disable(self, user_id: str) -> None:
        """What an operator does."""
        await self.core.lifecycle.disable(UserId(UUID(user_id)))

    async def _principal(self, access_token: str) -> Principal:
        with refusing():
            return await self.core.authenticator.authenticate(access_token)


@contextmanager
def refusing() -> Iterator[None]:
    """Errors of the core as the codes that they carry."""
    try:
        yield
    except AuthCoreError as error:
        raise Refused(error.code) from error


def tokens(signed_in: SignedIn) -> Tokens:
    """A sign-in in plain data."""
    pair, user = signed_in.tokens, signed_in.user
    return Tokens(
        access=pair.access_token,
        refresh=pair.refresh_token,
        session_id=str(pair.session_id),
        user_id=str(user.id),
        username=user.username.value,
        is_admin=user.is_admin,
    )


class Yesterday:
    """A clock so far behind that its access tokens are expired, and its sessions are not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() - timedelta(hours=25)


def yesterday(core: InMemoryCore | ConnectedCore) -> CoreDoor:
    """A door of the same house whose clock is behind."""
    ports = msgspec.structs.replace(core.ports, clock=Yesterday(core.clock))
    return CoreDoor(Core(ports, core.options))


@asynccontextmanager
async def memory_house(environ: Mapping[str, str]) -> AsyncIterator[House]:
    """The core in memory, with the options that these settings mean."""
    core = in_memory_core(options(load_settings(environ)))

    def tick() -> None:
        core.clock.advance(timedelta(milliseconds=1))

    first, second = CoreDoor(core, tick), CoreDoor(core.another_worker(), tick)
    yield House(first, second, first.disable, yesterday(core))


@asynccontextmanager
async def servers_house(environ: Mapping[str, str]) -> AsyncIterator[House]:
    """The core on PostgreSQL and Valkey, twice."""
    usual = options(load_settings(environ))
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(
                open_core(
                    usual,
                    database_url=environ["DATABASE_URL"],
                    redis_url=environ["REDIS_URL"],
                    master_key=environ["AUTH_MASTER_KEY"],
                )
            )
            for _ in range(2)
        ]
        door = CoreDoor(first)
        yield House(door, CoreDoor(second), door.disable, yesterday(first))
