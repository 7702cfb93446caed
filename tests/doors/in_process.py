"""The door of whoever imports the core: in memory, or on PostgreSQL and Valkey."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import UUID

import msgspec

from app.in_process import ConnectedCore, open_core
from app.options import options
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
from auth_core.kernel import Clock, NotFound, Secret
from auth_core.sessions import SessionOrigin
from tests.doors.door import House, Refused, Seen, Tokens
from tests.mailbox import Mailbox

if TYPE_CHECKING:
    from app.container import Container


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

    async def ask_to_register(self, username: str, password: str, email: str) -> None:
        with refusing():
            self._tick()
            registration = Registration.parse(username=username, email=email)
            await self.core.self_service.registration.register(
                registration, password, origin=SessionOrigin()
            )

    async def take_registration(self, token: str) -> Tokens:
        with refusing():
            flow = self.core.self_service.registration
            return tokens(await flow.verify(token, origin=SessionOrigin()))

    async def forgot(self, name: str) -> None:
        with refusing():
            self._tick()
            parsed = Email.parse(name) if "@" in name else Username.parse(name)
            await self.core.self_service.reset_password.send(parsed)

    async def reset(self, token: str, new_password: str) -> None:
        with refusing():
            await self.core.self_service.reset_password.reset(token, new_password)

    async def change_password(self, access_token: str, current: str, new: str) -> Tokens:
        who = await self._principal(access_token)
        with refusing():
            flow = self.core.self_service.change_password
            changed = await flow.change(
                who.user, current_password=current, new_password=new, origin=SessionOrigin()
            )
            return tokens(changed)

    async def shut_out(self, access_token: str, user_id: str) -> None:
        who = await self._principal(access_token)
        with refusing():
            await self.core.administration.disable(who.user, UserId(UUID(user_id)))

    async def let_in(self, access_token: str, user_id: str) -> None:
        who = await self._principal(access_token)
        with refusing():
            await self.core.administration.enable(who.user, UserId(UUID(user_id)))

    async def hire(self, username: str, password: str) -> None:
        """What an operator does."""
        registration = Registration.parse(username=username)
        roles = ("user", "admin")
        await self.core.accounts.create(registration, password=Secret(password), roles=roles)

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


def mailbox(core: Core) -> Mailbox:
    """The letters of a house."""
    return Mailbox(cast("Container", SimpleNamespace(core=core)))


@asynccontextmanager
async def memory_house(environ: Mapping[str, str]) -> AsyncIterator[House]:
    """The core in memory, with the options that these settings mean."""
    core = in_memory_core(options(load_settings(environ)))

    def tick() -> None:
        core.clock.advance(timedelta(milliseconds=1))

    first, second = CoreDoor(core, tick), CoreDoor(core.another_worker(), tick)
    yield House(first, second, first.disable, yesterday(core), first.hire, mailbox(core))


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
        other, late = CoreDoor(second), yesterday(first)
        yield House(door, other, door.disable, late, door.hire, mailbox(first))
