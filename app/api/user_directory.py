"""/api/v1/auth/users: the same accounts as older dashboards know them."""

from typing import Self
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from adapters.system import SystemClock
from app.access import requires
from app.api.answers import AuthUser, Timestamp, timestamp
from app.api.examples import DIRECTORY, TOKENS_REVOKED, USER_DELETED
from app.api.responses import answer, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.administration import Administration
from auth_core.kernel import (
    Email,
    InvalidInput,
    LastAdministrator,
    UserId,
    Username,
    UserNotFound,
)
from auth_core.tokens import Principal
from auth_core.users import User, UserQuery, UserService, UserStatus

MAX_USERS = 500

_EXISTING = UserQuery(statuses=frozenset(UserStatus) - {UserStatus.DELETED})
_ABSENT = {404: UserNotFound()}


class AuthUserDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Users, oldest first. ``truncated``: there are more than are listed."""

    users: list[AuthUser]
    total: int
    truncated: bool


class AuthUserDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A user whose account was closed."""

    message: str
    user_id: UUID

    @classmethod
    def of(cls, user: User) -> Self:
        """What is said of it."""
        return cls(message=f"Deleted {user.username}", user_id=user.id)


class AuthTokensRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """That no token of before ``revoked_before`` is good any more."""

    message: str
    revoked_before: Timestamp


class UserDirectoryController(Controller):
    """Users, for older dashboards."""

    path = "/api/v1/auth/users"
    tags = ("Administration",)
    opt = requires(Permission.USERS_MANAGE) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=requires(Permission.USERS_READ) | LIMIT_READ,
        responses={200: answer(AuthUserDirectory, DIRECTORY), **errors(401, 403, 503)},
        summary="List users",
    )
    async def list_all(self, users: NamedDependency[UserService]) -> AuthUserDirectory:
        """List users, oldest first, up to 500; `GET /api/v1/users` gives pages."""
        found = await users.search(_EXISTING, limit=MAX_USERS)
        total = len(found) if len(found) < MAX_USERS else await users.count(_EXISTING)
        return AuthUserDirectory(
            users=[AuthUser.of(user) for user in found],
            total=total,
            truncated=total > len(found),
        )

    @delete(
        "/{username:str}",
        opt=requires(Permission.USERS_DELETE),
        status_code=200,
        responses={
            200: answer(AuthUserDeleted, USER_DELETED),
            **errors(
                400, 401, 403, 404, 409, 429, 503, likely={409: LastAdministrator(), **_ABSENT}
            ),
        },
        summary="Delete a user by name",
    )
    async def remove(
        self,
        username: FromPath[str],
        principal: NamedDependency[Principal],
        users: NamedDependency[UserService],
        administration: NamedDependency[Administration],
    ) -> AuthUserDeleted:
        """Close the account of a user for good, by user name."""
        user = await users.named(_name(username))
        if user.status is UserStatus.DELETED:
            raise UserNotFound
        return AuthUserDeleted.of(await administration.delete(principal.user, user.id))

    @post(
        "/{user_id:uuid}/revoke-tokens",
        status_code=200,
        responses={
            200: answer(AuthTokensRevoked, TOKENS_REVOKED),
            **errors(400, 401, 403, 404, 429, 503, likely=_ABSENT),
        },
        summary="Revoke all tokens of a user",
    )
    async def revoke_tokens(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        users: NamedDependency[UserService],
        administration: NamedDependency[Administration],
        clock: NamedDependency[SystemClock],
    ) -> AuthTokensRevoked:
        """Revoke all tokens of a user: every session of theirs ends before the answer."""
        user = await users.get(UserId(user_id))
        await administration.end_sessions(principal.user, user.id)
        return AuthTokensRevoked(
            message=f"Revoked all tokens of {user.username}",
            revoked_before=timestamp(clock.now()),
        )


def _name(text: str) -> Username | Email:
    try:
        return Username.parse(text)
    except InvalidInput as error:  # nobody can have such a name
        raise UserNotFound from error
