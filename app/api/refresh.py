"""POST /refresh: from a refresh token to the next pair (RFC 6749 §6)."""

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from app.api.answers import AuthTokens, json_answer
from app.api.examples import REFRESH, TOKENS
from app.api.responses import answer, body, errors
from app.limits import LIMIT_TOKEN
from app.security import BY_ANYBODY_OR_CLIENT, CLIENTS_WELCOME, PUBLIC, presenting_client_id
from auth_core.kernel import InvalidRefreshToken
from auth_core.tokens import RefreshGrant


class AuthRefreshRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest refresh token of a session. Unknown fields are ignored."""

    refresh_token: str

    def __repr__(self) -> str:
        return "AuthRefreshRequest(…)"


class RefreshController(Controller):
    """Keeping a session alive."""

    path = "/api/v1/auth"
    tags = ("Sign-in",)
    opt = PUBLIC | CLIENTS_WELCOME | LIMIT_TOKEN
    security = BY_ANYBODY_OR_CLIENT

    @post(
        "/refresh",
        status_code=200,
        operation_class=body(AuthRefreshRequest, REFRESH),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(400, 401, 408, 413, 415, 422, 429, 503, likely={401: InvalidRefreshToken()}),
        },
        summary="Refresh",
    )
    async def refresh(
        self,
        scope: Scope,
        data: JSONBody[AuthRefreshRequest],
        refresh: NamedDependency[RefreshGrant],
    ) -> ASGIResponse:
        """Refresh. Use the new refresh token from now on.

        Callers that race or retry with one token get the same new one. A token that comes again
        after its successor was used ends the session: it was stolen. A session that a registered
        client began needs that client's credentials; without them it is refused and lives on.
        """
        client_id = presenting_client_id(scope)
        return json_answer(
            AuthTokens.of(await refresh.redeem(data.refresh_token, client_id=client_id))
        )
