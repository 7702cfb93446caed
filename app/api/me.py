"""GET, PATCH and DELETE /me: the signed-in user."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, delete, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from app.access import OWN_ACCOUNT
from app.api.answers import (
    AuthDone,
    AuthProfile,
    AuthScopes,
    Timestamp,
    json_answer,
    timestamp,
)
from app.api.conditional import version_tag, wanted_version
from app.api.examples import AGAIN, LEAVING, PROFILE, PROFILE_CHANGES, RENAMED, SCOPES
from app.api.profile_fields import (
    CustomClaims,
    DisplayName,
    Locale,
    PictureUrl,
    TimeZone,
)
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ, LIMIT_SIGN_IN
from app.security import BY_BEARER, OWN_SESSION_ONLY, principal_of
from auth_core.core import Options
from auth_core.kernel import (
    ConcurrentUpdate,
    FieldProblem,
    InvalidInput,
    ReauthenticationFailed,
)
from auth_core.self_service import SelfService
from auth_core.tokens import Principal
from auth_core.users import NO_CHANGES, ProfileChanges, ProfilePolicy, UserService


class AuthProfileChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may change about themselves. Absent fields stay as they are, null clears one."""

    display_name: DisplayName | msgspec.UnsetType = msgspec.UNSET
    locale: Locale | msgspec.UnsetType | None = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType | None = msgspec.UNSET
    picture_url: PictureUrl | msgspec.UnsetType | None = msgspec.UNSET
    claims: CustomClaims | msgspec.UnsetType | None = msgspec.UNSET

    def checked(self, policy: ProfilePolicy) -> ProfileChanges:
        """The valid changes; raises InvalidInput."""
        return policy.changes(
            display_name=self.display_name,
            locale=self.locale,
            time_zone=self.time_zone,
            picture_url=self.picture_url,
            claims=self.claims,
        )


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
    opt = OWN_ACCOUNT | LIMIT_READ
    security = BY_BEARER

    # Every client of every service asks this all the time, so it skips what a route costs most:
    # resolving dependencies and Litestar's generic response.
    @get(
        responses={200: answer(AuthProfile, PROFILE), **errors(401, 503)},
        summary="Read your profile",
    )
    async def read(self, scope: Scope) -> ASGIResponse:
        """Read your profile."""
        state = principal_of(scope).state
        return json_answer(AuthProfile.of_state(state), etag=version_tag(state.user.version))

    @patch(
        opt=LIMIT_GENERAL,
        operation_class=body(AuthProfileChanges, PROFILE_CHANGES),
        responses={
            200: answer(AuthProfile, RENAMED),
            **errors(400, 401, 408, 409, 412, 413, 415, 422, 429, 503, likely=_CHANGE_REFUSED),
        },
        summary="Change your profile",
    )
    async def change(
        self,
        data: JSONBody[AuthProfileChanges],
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        users: NamedDependency[UserService],
        options: NamedDependency[Options],
    ) -> ASGIResponse:
        """Change your profile. With `If-Match` only if it is still the version that you read."""
        state, changes = principal.state, data.checked(options.profile)
        wanted = wanted_version(request.headers.getall("If-Match", []))
        if wanted is not None or changes != NO_CHANGES:
            user = await users.change(state.user.id, changes, if_version=wanted)
            state = msgspec.structs.replace(state, user=user)
        return json_answer(AuthProfile.of_state(state), etag=version_tag(state.user.version))

    @delete(
        opt=OWN_SESSION_ONLY | LIMIT_SIGN_IN,
        tags=("Account",),
        status_code=200,
        operation_class=body(AuthLeaveRequest, AGAIN),
        responses={
            200: answer(AuthLeaving, LEAVING),
            **errors(
                *(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
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
        """List the scopes that you may act in: `team` only while an organization is active."""
        active = principal.organization
        organization_id = None if active is None else active.organization_id
        return AuthScopes(principal.user.scopes_in(organization_id))
