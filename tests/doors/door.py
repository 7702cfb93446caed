"""One behaviour, whichever way in: what a door does, in plain data."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tests.mailbox import Mailbox


class Refused(Exception):
    """A door said no; ``code`` is the stable code of the wire contract."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class Tokens:
    """What a sign-in or a refresh gives."""

    access: str
    refresh: str
    session_id: str
    user_id: str
    username: str
    is_admin: bool


@dataclass(frozen=True)
class Seen:
    """A session in the list of one of its siblings."""

    session_id: str
    current: bool


class Door(Protocol):
    """A way in. Every method raises Refused."""

    async def register(
        self, username: str, password: str | None = None, email: str | None = None
    ) -> Tokens: ...

    async def log_in(self, name: str, password: str | None = None) -> Tokens: ...

    async def refresh(self, refresh_token: str) -> Tokens: ...

    async def verify(self, access_token: str) -> str:
        """The user name behind a token."""
        ...

    async def log_out(self, access_token: str) -> None: ...

    async def sessions(self, access_token: str) -> list[Seen]: ...

    async def end_session(self, access_token: str, session_id: str) -> None: ...

    async def end_others(self, access_token: str) -> int: ...

    async def end_all(self, access_token: str) -> int: ...

    async def ask_to_register(self, username: str, password: str, email: str) -> None:
        """Register where the address is proven first."""
        ...

    async def take_registration(self, token: str) -> Tokens: ...

    async def forgot(self, name: str) -> None: ...

    async def reset(self, token: str, new_password: str) -> None: ...

    async def change_password(self, access_token: str, current: str, new: str) -> Tokens: ...

    async def shut_out(self, access_token: str, user_id: str) -> None:
        """Disable an account, as the administrator who has the token."""
        ...

    async def let_in(self, access_token: str, user_id: str) -> None: ...


@dataclass(frozen=True)
class House:
    """Two workers of one deployment, and what only its operator can do."""

    door: Door
    second: Door
    disable: Callable[[str], Awaitable[object]]
    """Shut the user with this id out."""
    expired: Door
    """Signs in with access tokens that are past their time."""
    hire: Callable[[str, str], Awaitable[object]]
    """Make an administrator with this name and password."""
    mailbox: Mailbox


async def refusal(asking: Awaitable[object]) -> str:
    """The code that somebody gets; an answer is a failure."""
    try:
        answer = await asking
    except Refused as refused:
        return refused.code
    raise AssertionError(f"not refused: {answer!r}")
