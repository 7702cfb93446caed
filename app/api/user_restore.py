"""/api/v1/users/{user_id}/restore: a deletion that an administrator takes back."""

from uuid import UUID

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from app.access import requires
from app.api.answers import json_answer
from app.api.conditional import version_tag
from app.api.examples import ACCOUNT
from app.api.responses import answer, errors
from app.api.user_answers import AuthAccount
from app.limits import LIMIT_GENERAL
from app.security import BY_BEARER, RECENT_AUTHENTICATION
from auth_core.access import Permission
from auth_core.administration import Administration
from auth_core.kernel import (
    InsufficientAuthentication,
    LifecycleConflict,
    UserId,
    UserNotFound,
)
from auth_core.tokens import Principal

_REFUSED = {
    401: InsufficientAuthentication(max_age=900),
    404: UserNotFound(),
    409: LifecycleConflict("The account is not on its way out."),
}


class UserRestoreController(Controller):
    """Accounts whose owners have closed them."""

    path = "/api/v1/users/{user_id:uuid}"
    tags = ("Administration",)
    opt = requires(Permission.USERS_MANAGE) | LIMIT_GENERAL | RECENT_AUTHENTICATION
    security = BY_BEARER

    @post(
        "/restore",
        status_code=200,
        responses={
            200: answer(AuthAccount, ACCOUNT),
            **errors(400, 401, 403, 404, 409, 429, 503, likely=_REFUSED),
        },
        summary="Keep a user who is leaving",
    )
    async def restore(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> ASGIResponse:
        """Take back that a user has deleted their account, until its `delete_after`.

        The user is told by mail, and can sign in again; no session comes back. A user who was
        deleted by an administrator is gone for good. Needs a recent sign-in.
        """
        user = await administration.restore(principal.user, UserId(user_id))
        return json_answer(AuthAccount.of(user), etag=version_tag(user.version))
