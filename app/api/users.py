"""/api/v1/users: accounts, for administrators."""

import unicodedata
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from app.access import requires
from app.api.answers import AuthTokens, json_answer
from app.api.conditional import version_tag, wanted_version
from app.api.examples import (
    ACCOUNT,
    ACCOUNT_CHANGES,
    ACCOUNTS,
    IMPERSONATE,
    NEW_ACCOUNT,
    TOKENS,
)
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.api.user_answers import (
    AuthAccount,
    AuthAccountChanges,
    AuthAccounts,
    AuthImpersonationRequest,
    AuthNewAccount,
)
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER, RECENT_AUTHENTICATION
from auth_core.access import Permission
from auth_core.administration import Administration, Impersonation
from auth_core.core import Options
from auth_core.kernel import (
    FieldProblem,
    InsufficientAuthentication,
    InvalidInput,
    LastAdministrator,
    LifecycleConflict,
    Secret,
    UserId,
    UserNotFound,
)
from auth_core.sessions import SessionOrigin
from auth_core.tokens import Principal
from auth_core.users import (
    PLATFORM_ROLES,
    Registration,
    UserQuery,
    UserService,
    UserStatus,
    parse_roles,
)

PREFIX_MAX = 100

_Prefix = Annotated[
    str | None,
    QueryParameter(
        description="How the user name, the e-mail address or the display name begins.",
        schema_extra={"minLength": 1, "maxLength": PREFIX_MAX},
    ),
]
_Status = Annotated[
    str | None,
    QueryParameter(
        description="Accounts of this status only.", schema_extra={"enum": [*UserStatus]}
    ),
]
_Role = Annotated[
    str | None,
    QueryParameter(
        description="Accounts with this role only.", schema_extra={"enum": [*PLATFORM_ROLES]}
    ),
]
_ABSENT = {404: UserNotFound()}
_STEP_UP = {401: InsufficientAuthentication(max_age=900)}
_LAST = {409: LastAdministrator(), **_ABSENT}
_READING: dict[str, Any] = requires(Permission.USERS_READ) | LIMIT_READ


class UsersController(Controller):
    """Accounts, for administrators."""

    path = "/api/v1/users"
    tags = ("Administration",)
    opt = requires(Permission.USERS_MANAGE) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=_READING,
        responses={200: answer(AuthAccounts, ACCOUNTS), **errors(400, 401, 403, 422, 503)},
        summary="Search users",
    )
    async def search(
        self,
        users: NamedDependency[UserService],
        q: _Prefix = None,
        status: _Status = None,
        role: _Role = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthAccounts:
        """Search users, oldest first.

        `q` is how the user name, the e-mail address or the display name begins. Without `status`
        accounts of every status are found, deleted ones too.
        """
        query = _query(q, status, role)
        found = await users.search(query, after=after(cursor, UserId), limit=page_size(limit))
        items, last = page_of(found, limit)
        return AuthAccounts(
            items=[AuthAccount.of(user) for user in items],
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        opt=requires(Permission.USERS_WRITE) | RECENT_AUTHENTICATION,
        operation_class=body(AuthNewAccount, NEW_ACCOUNT),
        responses={
            201: answer(AuthAccount, ACCOUNT),
            **errors(400, 401, 403, 408, 409, 413, 415, 422, 429, 503, likely=_STEP_UP),
        },
        summary="Create a user",
    )
    async def create(
        self,
        data: JSONBody[AuthNewAccount],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> ASGIResponse:
        """Create a user. Nobody grants a role above their own. Needs a recent sign-in."""
        registration = Registration.parse(
            username=data.username, email=data.email, display_name=data.display_name
        )
        user = await administration.create(
            principal.user,
            registration,
            roles=parse_roles(data.roles),
            password=None if data.password is None else Secret(data.password),
        )
        return json_answer(AuthAccount.of(user), status=201, etag=version_tag(user.version))

    @get(
        "/{user_id:uuid}",
        opt=_READING,
        responses={
            200: answer(AuthAccount, ACCOUNT),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="Read a user",
    )
    async def read(
        self, user_id: FromPath[UUID], users: NamedDependency[UserService]
    ) -> ASGIResponse:
        """Read a user, in any status."""
        user = await users.get(UserId(user_id))
        return json_answer(AuthAccount.of(user), etag=version_tag(user.version))

    @patch(
        "/{user_id:uuid}",
        opt=requires(Permission.USERS_WRITE) | RECENT_AUTHENTICATION,
        operation_class=body(AuthAccountChanges, ACCOUNT_CHANGES),
        responses={
            200: answer(AuthAccount, ACCOUNT),
            **errors(
                *(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 503),
                likely={**_STEP_UP, **_LAST},
            ),
        },
        summary="Change a user",
    )
    async def change(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[AuthAccountChanges],
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
        options: NamedDependency[Options],
    ) -> ASGIResponse:
        """Change profile and roles of a user. Who loses a role is signed out everywhere.

        Nobody grants a role above their own; an `admin` does not change a `platform_admin`. With
        `If-Match` only if it is still the version that you read. Needs a recent sign-in.
        """
        user = await administration.edit(
            principal.user,
            UserId(user_id),
            data.checked(options.profile),
            roles=None if data.roles is msgspec.UNSET else parse_roles(data.roles),
            if_version=wanted_version(request.headers.getall("If-Match", [])),
        )
        return json_answer(AuthAccount.of(user), etag=version_tag(user.version))

    @delete(
        "/{user_id:uuid}",
        opt=requires(Permission.USERS_DELETE) | RECENT_AUTHENTICATION,
        responses=errors(400, 401, 403, 404, 409, 429, 503, likely={**_STEP_UP, **_LAST}),
        summary="Delete a user",
    )
    async def remove(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> None:
        """Close the account of a user for good. Needs a recent sign-in."""
        await administration.delete(principal.user, UserId(user_id))

    @post(
        "/{user_id:uuid}/disable",
        status_code=200,
        responses={
            200: answer(AuthAccount, ACCOUNT),
            **errors(400, 401, 403, 404, 409, 429, 503, likely=_LAST),
        },
        summary="Disable a user",
    )
    async def disable(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> AuthAccount:
        """Shut a user out. Every session of theirs ends before the answer."""
        return AuthAccount.of(await administration.disable(principal.user, UserId(user_id)))

    @post(
        "/{user_id:uuid}/enable",
        status_code=200,
        responses={
            200: answer(AuthAccount, ACCOUNT),
            **errors(
                *(400, 401, 403, 404, 409, 429, 503),
                likely={
                    409: LifecycleConflict("A user who is active cannot become active."),
                    **_ABSENT,
                },
            ),
        },
        summary="Enable a user",
    )
    async def enable(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> AuthAccount:
        """Let a disabled user in again. No session comes back."""
        return AuthAccount.of(await administration.enable(principal.user, UserId(user_id)))

    @post(
        "/{user_id:uuid}/require-password-change",
        status_code=204,
        responses=errors(400, 401, 403, 404, 429, 503, likely=_ABSENT),
        summary="Force a password reset",
    )
    async def require_password_change(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> None:
        """End all sessions of a user; their password opens nothing until it was replaced."""
        await administration.require_password_change(principal.user, UserId(user_id))

    @post(
        "/{user_id:uuid}/impersonate",
        opt=RECENT_AUTHENTICATION,
        operation_class=body(AuthImpersonationRequest, IMPERSONATE),
        responses={
            201: answer(AuthTokens, TOKENS),
            **errors(
                *(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
                likely={**_STEP_UP, 409: LifecycleConflict("The user is disabled."), **_ABSENT},
            ),
        },
        summary="Act for a user",
    )
    async def impersonate(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[AuthImpersonationRequest],
        principal: NamedDependency[Principal],
        impersonation: NamedDependency[Impersonation],
        origin: NamedDependency[SessionOrigin],
    ) -> ASGIResponse:
        """Begin a session in the name of a user, for at most 60 minutes. Needs a recent sign-in.

        Its tokens name you in `act`, the user sees it in their list of sessions, and the trail
        keeps the reason. It cannot change credentials, delete, administrate or go on to act for
        others. Only a `platform_admin` may act for another administrator.
        """
        signed_in = await impersonation.begin(
            principal,
            UserId(user_id),
            reason=data.reason,
            # no number is too large for the comparison, and none overflows a timedelta
            lifetime=timedelta(minutes=max(0, min(data.minutes, 1000))),
            origin=origin,
        )
        return json_answer(AuthTokens.of(signed_in), status=201)


def _query(q: str | None, status: str | None, role: str | None) -> UserQuery:
    problems = []
    prefix = None if q is None else unicodedata.normalize("NFC", q[: PREFIX_MAX + 1].strip())
    if prefix is not None and not (0 < len(prefix) <= PREFIX_MAX and prefix.isprintable()):
        problems.append(_problem("q", f"1 to {PREFIX_MAX} printable characters"))
    if status is not None and status not in set(UserStatus):
        problems.append(_problem("status", f"one of {', '.join(UserStatus)}"))
    if role is not None and role not in PLATFORM_ROLES:
        problems.append(_problem("role", f"one of {', '.join(PLATFORM_ROLES)}"))
    if problems:
        raise InvalidInput(*problems)
    return UserQuery(
        prefix=prefix,
        statuses=None if status is None else frozenset({UserStatus(status)}),
        role=role,
    )


def _problem(field: str, message: str) -> FieldProblem:
    return FieldProblem(field=field, type="invalid", message=message, source="query")
