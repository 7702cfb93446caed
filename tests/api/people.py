"""People with roles, signed in."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg

from tests.api.asking import AUTH, PASSWORD
from tests.serving import Client, bearer

USERS = "/api/v1/users"


class Person:
    """Somebody who is signed in."""

    def __init__(self, tokens: dict[str, Any]) -> None:
        self.tokens = tokens
        self.id: str = tokens["user"]["user_id"]
        self.name: str = tokens["user"]["username"]
        self.session_id: str = tokens["session_id"]
        self.token: dict[str, str] = bearer(tokens["access_token"])


class People:
    """Makes them: with a password, past the rules about roles."""

    def __init__(
        self,
        client: Client,
        production: Client,
        database: asyncpg.Connection,
        new_name: Callable[[], str],
    ) -> None:
        self._client = client
        self._production = production
        self._database = database
        self._new_name = new_name

    async def user(self, *roles: str) -> Person:
        """A person with these roles, ``user`` if none."""
        body = {"username": self._new_name(), "password": PASSWORD}
        made = await self._production.post(f"{AUTH}/register", json=body)
        assert 201 == made.status_code, made.text
        await self._database.execute(
            "UPDATE users SET roles = $1 WHERE id = $2",
            list(roles or ("user",)),
            UUID(made.json()["user"]["user_id"]),
        )
        return await self.again(body["username"])

    async def admin(self) -> Person:
        """An administrator."""
        return await self.user("admin")

    async def platform_admin(self) -> Person:
        """A platform administrator."""
        return await self.user("platform_admin")

    async def again(self, name: str) -> Person:
        """The same person in another session."""
        body = {"username": name, "password": PASSWORD}
        answer = await self._client.post(f"{AUTH}/login", json=body)
        assert 200 == answer.status_code, answer.text
        return Person(answer.json())

    async def long_ago(self, person: Person) -> None:
        """Let the sign-in of a session that nobody has used yet be 16 minutes ago."""
        await self._database.execute(
            "UPDATE sessions SET authenticated_at = now() - interval '16 minutes' WHERE id = $1",
            UUID(person.session_id),
        )
