"""GET, PATCH and DELETE /me: the signed-in user."""

from typing import Annotated

import msgspec
from litestar import Controller, delete, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from app.api.answers import (
    AuthDone,
    AuthProfile,
    AuthScopes,
    Timestamp,
    json_answer,
    timestamp,
)
from app.api.examples import AGAIN, LEAVING, PROFILE, PROFILE_CHANGES, RENAMED, SCOPES
from app.api.responses import answer, body, errors
from app.security import BY_BEARER, principal_of
from auth_core.kernel import (
    ConcurrentUpdate,
    FieldProblem,
    InvalidInput,
    ReauthenticationFailed,
    display_name,
)
from auth_core.self_service import SelfService
from auth_core.tokens import Principal
from auth_core.users import UserService


class AuthProfileChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may change about themselves. Absent fields stay as they are."""

    display_name: (
        Annotated[
            str,
            msgspec.Meta(examples=["John Doe"], extra_json_schema={"extra": {"maxLength": 100}}),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class AuthLeaveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password."""

    password: (
        Annotated[str, msgspec.Meta(description="Needed if the account has a password.")] | None
    ) = None

    def __repr__(self) -> str:
        return "AuthLeaveRequest(…)"


class AuthLeaving(AuthDone, frozen=True, kw_only=True):
    """The account is closed. ``delete_after`` is when it may be erased."""

    delete_after: Timestamp


_CHANGE_REFUSED = {
    409: ConcurrentUpdate(),
    422: InvalidInput(
        FieldProblem(field="display_name", type="too_long", message="at most 100 characters")
    ),
}


class MeController(Controller):
    """The signed-in user."""

    path = "/api/v1/auth/me"
    tags = ("Profile",)
    security = BY_BEARER

    # Every client of every service asks this all the time, so it skips what a route costs most:
    # resolving dependencies and Litestar's generic response.
    @get(
        responses={200: answer(AuthProfile, PROFILE), **errors(401, 503)},
        summary="Read your profile",
    )
    async def read(self, scope: Scope) -> ASGIResponse:
        """Read your profile."""
        return json_answer(AuthProfile.of_state(principal_of(scope).state))

    @patch(
        operation_class=body(AuthProfileChanges, PROFILE_CHANGES),
        responses={
            200: answer(AuthProfile, RENAMED),
            **errors(400, 401, 408, 409, 413, 415, 422, 503, likely=_CHANGE_REFUSED),
        },
        summary="Change your profile",
    )
    async def change(
        self,
        data: JSONBody[AuthProfileChanges],
        principal: NamedDependency[Principal],
        users: NamedDependency[UserService],
    ) -> AuthProfile:
        """Change your profile."""
        state = principal.state
        if data.display_name is not msgspec.UNSET:
            renamed = await users.rename(state.user.id, display_name(data.display_name))
            state = msgspec.structs.replace(state, user=renamed)
        return AuthProfile.of_state(state)

    @delete(
        tags=("Account",),
        status_code=200,
        operation_class=body(AuthLeaveRequest, AGAIN),
        responses={
            200: answer(AuthLeaving, LEAVING),
            **errors(
                *(400, 401, 403, 408, 409, 413, 415, 422, 503),
                likely={403: ReauthenticationFailed(), 409: ConcurrentUpdate()},
            ),
        },
        summary="Delete your account",
    )
    async def leave(
        self,
        data: JSONBody[AuthLeaveRequest],
        principal: NamedDependency[Principal],
        self_service: NamedDependency[SelfService],
    ) -> AuthLeaving:
        """Delete your account. It is closed at once, and erased after some days of grace."""
        delete_after = await self_service.deletion.schedule(principal.user, data.password)
        return AuthLeaving(message=str(LEAVING["message"]), delete_after=timestamp(delete_after))

    @get(
        "/available-scopes",
        responses={200: answer(AuthScopes, SCOPES), **errors(401, 503)},
        summary="List your scopes",
    )
    async def available_scopes(self, principal: NamedDependency[Principal]) -> AuthScopes:
        """List the scopes that you may act in."""
        return AuthScopes(principal.user.scopes)
