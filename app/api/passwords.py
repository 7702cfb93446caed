"""Forgotten passwords, and new ones."""

from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthAccepted, AuthDone, AuthTokens, json_answer
from app.api.examples import EMAIL, LINK_SENT, PASSWORD_RESET, PASSWORDS, RESET, TOKENS
from app.api.responses import answer, body, errors
from app.api.sign_in import account_name
from app.limits import LIMIT_MAIL, LIMIT_SIGN_IN
from app.security import BY_ANYBODY, BY_BEARER, OWN_SESSION_ONLY, PUBLIC
from auth_core.credentials import SignInAttempts
from auth_core.kernel import (
    ConcurrentUpdate,
    FieldProblem,
    InvalidInput,
    InvalidLink,
    PermissionDenied,
    ReauthenticationFailed,
)
from auth_core.self_service import SelfService
from auth_core.sessions import SessionOrigin
from auth_core.tokens import Principal

_TOO_SHORT = FieldProblem(
    field="new_password", type="too_short", message="at least 15 characters; any characters will do"
)
_OFF = PermissionDenied("Signing in with a password is turned off here.")
_RESET_REFUSED = {400: InvalidLink(), 403: _OFF, 422: InvalidInput(_TOO_SHORT)}
_CHANGE_REFUSED = {
    403: ReauthenticationFailed(),
    409: ConcurrentUpdate(),
    422: InvalidInput(_TOO_SHORT),
}


class AuthForgotRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either name of an account."""

    username: Annotated[str, msgspec.Meta(examples=["john.doe"])] | None = None
    email: Annotated[str, msgspec.Meta(examples=["john.doe@example.com"])] | None = None


class AuthResetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token of the mailed link, and the password that is to be."""

    token: str
    new_password: str

    def __repr__(self) -> str:
        return "AuthResetRequest(…)"


class AuthPasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password that is, and the one that is to be."""

    current_password: (
        Annotated[str, msgspec.Meta(description="Needed if the account has a password.")] | None
    ) = None
    new_password: str

    def __repr__(self) -> str:
        return "AuthPasswordChange(…)"


class PasswordController(Controller):
    """Passwords."""

    path = "/api/v1/auth"
    tags = ("Account",)

    @post(
        "/forgot-password",
        opt=PUBLIC | LIMIT_MAIL,
        security=BY_ANYBODY,
        status_code=202,
        operation_class=body(AuthForgotRequest, EMAIL),
        responses={
            202: answer(AuthAccepted, LINK_SENT),
            **errors(400, 403, 408, 413, 415, 422, 429, 503, likely={403: _OFF}),
        },
        summary="Ask for a link that resets your password",
    )
    async def forgot(
        self,
        data: JSONBody[AuthForgotRequest],
        self_service: NamedDependency[SelfService],
        attempts: NamedDependency[SignInAttempts],
    ) -> AuthAccepted:
        """Ask for a link. The answer is the same whether there is such an account or not."""
        name = account_name(data.username, data.email)
        await attempts.letter(name)
        await self_service.reset_password.send(name)
        return msgspec.convert(LINK_SENT, AuthAccepted)

    @post(
        "/reset-password",
        opt=PUBLIC | LIMIT_SIGN_IN,
        security=BY_ANYBODY,
        status_code=200,
        operation_class=body(AuthResetRequest, RESET),
        responses={
            200: answer(AuthDone, PASSWORD_RESET),
            **errors(400, 403, 408, 413, 415, 422, 429, 503, likely=_RESET_REFUSED),
        },
        summary="Reset your password",
    )
    async def reset(
        self,
        data: JSONBody[AuthResetRequest],
        self_service: NamedDependency[SelfService],
    ) -> AuthDone:
        """Reset your password. Ends every session and does not sign in."""
        await self_service.reset_password.reset(data.token, data.new_password)
        return msgspec.convert(PASSWORD_RESET, AuthDone)

    @post(
        "/me/password",
        opt=OWN_SESSION_ONLY | LIMIT_SIGN_IN,
        security=BY_BEARER,
        status_code=200,
        operation_class=body(AuthPasswordChange, PASSWORDS),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(400, 401, 403, 408, 409, 413, 415, 422, 429, 503, likely=_CHANGE_REFUSED),
        },
        summary="Change your password",
    )
    async def change(
        self,
        data: JSONBody[AuthPasswordChange],
        principal: NamedDependency[Principal],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
    ) -> ASGIResponse:
        """Change your password. Every session ends; you go on with the tokens of the answer."""
        signed_in = await self_service.change_password.change(
            principal.user,
            current_password=data.current_password,
            new_password=data.new_password,
            origin=origin,
        )
        return json_answer(AuthTokens.of(signed_in))
