"""POST /reauthenticate: proving again who one is, without a new session."""

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthTokens, json_answer
from app.api.examples import TOKENS
from app.api.responses import answer, errors
from app.limits import LIMIT_SIGN_IN
from app.security import BY_BEARER, OWN_SESSION_ONLY
from auth_core.credentials import SignInAttempts
from auth_core.kernel import AuthenticationFailed, ImpersonationRefused, Source
from auth_core.tokens import Principal, Reauthentication

_REFUSED = {401: AuthenticationFailed(), 403: ImpersonationRefused()}


class AuthReauthentication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password of the signed-in user."""

    password: str

    def __repr__(self) -> str:
        return "AuthReauthentication(…)"


class ReauthenticationController(Controller):
    """Recent sign-ins."""

    path = "/api/v1/auth/reauthenticate"
    tags = ("Sessions",)
    opt = OWN_SESSION_ONLY | LIMIT_SIGN_IN
    security = BY_BEARER

    @post(
        status_code=200,
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(400, 401, 403, 408, 413, 415, 422, 429, 503, likely=_REFUSED),
        },
        summary="Confirm your password",
    )
    async def reauthenticate(
        self,
        data: JSONBody[AuthReauthentication],
        principal: NamedDependency[Principal],
        reauthentication: NamedDependency[Reauthentication],
        attempts: NamedDependency[SignInAttempts],
        source: NamedDependency[Source],
    ) -> ASGIResponse:
        """Confirm your password, so that this session may do what needs a recent sign-in.

        The answer has new tokens of the same session. In development, an account without a
        password logs in again instead.
        """
        async with attempts.guard(principal.user.username, source):
            proved = await reauthentication.by_password(principal, data.password)
        return json_answer(AuthTokens.of(proved))
