"""GET and PATCH /me: the signed-in user."""

from typing import Annotated

import msgspec
from litestar import Controller, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from app.api.answers import AuthProfile, AuthScopes, json_answer
from app.api.examples import PROFILE, PROFILE_CHANGES, RENAMED, SCOPES
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER, provide_principal
from auth_core.kernel import ConcurrentUpdate, FieldProblem, InvalidInput, display_name
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
    opt = LIMIT_READ
    security = BY_BEARER

    # Every client of every service asks this all the time, so it skips what a route costs most:
    # resolving dependencies and Litestar's generic response.
    @get(
        responses={200: answer(AuthProfile, PROFILE), **errors(401, 503)},
        summary="Read your profile",
    )
    async def read(self, scope: Scope) -> ASGIResponse:
        """Read your profile."""
        principal = await provide_principal(scope)
        return json_answer(AuthProfile.of_state(principal.state))

    @patch(
        opt=LIMIT_GENERAL,
        operation_class=body(AuthProfileChanges, PROFILE_CHANGES),
        responses={
            200: answer(AuthProfile, RENAMED),
            **errors(400, 401, 408, 409, 413, 415, 422, 429, 503, likely=_CHANGE_REFUSED),
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

    @get(
        "/available-scopes",
        responses={200: answer(AuthScopes, SCOPES), **errors(401, 503)},
        summary="List your scopes",
    )
    async def available_scopes(self, principal: NamedDependency[Principal]) -> AuthScopes:
        """List the scopes that you may act in."""
        return AuthScopes(principal.user.scopes)
