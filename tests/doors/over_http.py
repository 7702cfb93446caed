"""The door of everybody else: the HTTP service."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.api.asking import AUTH, ask_raw
from tests.doors.door import House, Refused, Seen, Tokens
from tests.doors.in_process import servers_house
from tests.serving import Client, serving

USERS = "/api/v1/users"


class HttpDoor:
    """The routes of one worker."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def register(
        self, username: str, password: str | None = None, email: str | None = None
    ) -> Tokens:
        body = {"username": username, "password": password, "email": email}
        return tokens(await self._ask("POST", "register", body=body))

    async def log_in(self, name: str, password: str | None = None) -> Tokens:
        field = "email" if "@" in name else "username"
        return tokens(await self._ask("POST", "login", body={field: name, "password": password}))

    async def refresh(self, refresh_token: str) -> Tokens:
        return tokens(await self._ask("POST", "refresh", body={"refresh_token": refresh_token}))

    async def verify(self, access_token: str) -> str:
        return str((await self._ask("GET", "me", access_token))["username"])

    async def log_out(self, access_token: str) -> None:
        await self._ask("POST", "logout", access_token)

    async def sessions(self, access_token: str) -> list[Seen]:
        items = (await self._ask("GET", "sessions", access_token))["items"]
        return [Seen(item["session_id"], item["current"]) for item in items]

    async def end_session(self, access_token: str, session_id: str) -> None:
        await self._ask("DELETE", f"sessions/{session_id}", access_token)

    async def end_others(self, access_token: str) -> int:
        return int(
            (await self._ask("POST", "sessions/revoke-others", access_token))["revoked_tokens"]
        )

    async def end_all(self, access_token: str) -> int:
        return int(
            (await self._ask("POST", "dev/revoke-all-tokens", access_token))["revoked_tokens"]
        )

    async def ask_to_register(self, username: str, password: str, email: str) -> None:
        body = {"username": username, "password": password, "email": email}
        await self._ask("POST", "register", body=body)

    async def take_registration(self, token: str) -> Tokens:
        return tokens(await self._ask("POST", "verify-registration", body={"token": token}))

    async def forgot(self, name: str) -> None:
        field = "email" if "@" in name else "username"
        await self._ask("POST", "forgot-password", body={field: name})

    async def reset(self, token: str, new_password: str) -> None:
        await self._ask(
            "POST", "reset-password", body={"token": token, "new_password": new_password}
        )

    async def change_password(self, access_token: str, current: str, new: str) -> Tokens:
        body = {"current_password": current, "new_password": new}
        return tokens(await self._ask("POST", "me/password", access_token, body=body))

    async def shut_out(self, access_token: str, user_id: str) -> None:
        await self._ask("POST", f"{USERS}/{user_id}/disable", access_token)

    async def let_in(self, access_token: str, user_id: str) -> None:
        await self._ask("POST", f"{USERS}/{user_id}/enable", access_token)

    async def _ask(
        self, method: str, path: str, token: str | None = None, body: dict[str, Any] | None = None
    ) -> Any:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        chunks = [b""]
        if body is not None:
            headers.append((b"content-type", b"application/json"))
            given = {name: value for name, value in body.items() if value is not None}
            chunks = [json.dumps(given).encode()]
        whole = path if path.startswith("/") else f"{AUTH}/{path}"
        answer = await ask_raw(self._client, method, whole, headers=headers, chunks=chunks)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Refused(answer.json()["code"])


def tokens(answer: dict[str, Any]) -> Tokens:
    """A token answer in plain data."""
    return Tokens(
        access=answer["access_token"],
        refresh=answer["refresh_token"],
        session_id=answer["session_id"],
        user_id=answer["user"]["user_id"],
        username=answer["user"]["username"],
        is_admin=answer["user"]["is_admin"],
    )


@asynccontextmanager
async def http_house(environ: Mapping[str, str]) -> AsyncIterator[House]:
    """Two workers, and an operator who is in the process of neither."""
    settings = dict(environ)
    async with (
        servers_house(settings) as operated,
        serving(settings) as first,
        serving(settings) as second,
    ):
        yield replace(operated, door=HttpDoor(first), second=HttpDoor(second))
