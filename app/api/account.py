"""Another address, and coming back after leaving (which is `DELETE /me`)."""

from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthAccepted, AuthDone, AuthTokens, json_answer
from app.api.examples import (
    ADDRESS_ASKED,
    ADDRESS_CHANGED,
    NEW_EMAIL,
    RESTORE,
    TOKEN,
    TOKENS,
)
from app.api.proving import AuthMailedToken
from app.api.responses import answer, body, errors
from app.api.sign_in import account_name
from app.limits import LIMIT_MAIL, LIMIT_SIGN_IN
from app.security import BY_ANYBODY, BY_BEARER, OWN_SESSION_ONLY, PUBLIC
from auth_core.credentials import SignInAttempts
from auth_core.kernel import (
    AuthenticationFailed,
    ConcurrentUpdate,
    Email,
    EmailTaken,
    FieldProblem,
    InvalidInput,
    InvalidLink,
    PermissionDenied,
    ReauthenticationFailed,
    Source,
)
from auth_core.self_service import SelfService
from auth_core.sessions import SessionOrigin
from auth_core.tokens import Principal

_Password = Annotated[str, msgspec.Meta(description="Needed if the account has a password.")] | None
_OFF = PermissionDenied("Signing in with a password is turned off here.")
_NO_ADDRESS = FieldProblem(
    field="new_email", type="email", message="not an e-mail address like name@example.com"
)


class AuthEmailChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The address that is to be, and the password."""

    new_email: Annotated[str, msgspec.Meta(examples=["john@example.org"])]
    password: _Password = None

    def __repr__(self) -> str:
        return "AuthEmailChange(…)"


class AuthRestoreRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either name of an account, and its password."""

    username: Annotated[str, msgspec.Meta(examples=["john.doe"])] | None = None
    email: Annotated[str, msgspec.Meta(examples=["john.doe@example.com"])] | None = None
    password: _Password = None

    def __repr__(self) -> str:
        return "AuthRestoreRequest(…)"


class AccountController(Controller):
    """The account of the signed-in user."""

    path = "/api/v1/auth/me"
    tags = ("Account",)

    @post(
        "/email",
        opt=OWN_SESSION_ONLY | LIMIT_MAIL,
        security=BY_BEARER,
        status_code=202,
        operation_class=body(AuthEmailChange, NEW_EMAIL),
        responses={
            202: answer(AuthAccepted, ADDRESS_ASKED),
            **errors(
                *(400, 401, 403, 408, 413, 415, 422, 429, 503),
                likely={403: ReauthenticationFailed(), 422: InvalidInput(_NO_ADDRESS)},
            ),
        },
        summary="Ask for another address",
    )
    async def change_email(
        self,
        data: JSONBody[AuthEmailChange],
        principal: NamedDependency[Principal],
        self_service: NamedDependency[SelfService],
        attempts: NamedDependency[SignInAttempts],
    ) -> AuthAccepted:
        """Ask for another address. It is yours once the link that goes there is taken."""
        new_email = Email.parse(data.new_email, field="new_email")
        await attempts.letter(new_email)
        await self_service.change_email.request(principal.user, new_email, data.password)
        return msgspec.convert(ADDRESS_ASKED, AuthAccepted)

    @post(
        "/email/confirm",
        opt=PUBLIC | LIMIT_SIGN_IN,
        security=BY_ANYBODY,
        status_code=200,
        operation_class=body(AuthMailedToken, TOKEN),
        responses={
            200: answer(AuthDone, ADDRESS_CHANGED),
            **errors(
                *(400, 408, 409, 413, 415, 422, 429, 503),
                likely={400: InvalidLink(), 409: EmailTaken()},
            ),
        },
        summary="Prove the other address",
    )
    async def confirm_email(
        self,
        data: JSONBody[AuthMailedToken],
        self_service: NamedDependency[SelfService],
    ) -> AuthDone:
        """Prove the other address. The one before is told."""
        await self_service.change_email.confirm(data.token)
        return msgspec.convert(ADDRESS_CHANGED, AuthDone)

    @post(
        "/restore",
        opt=PUBLIC | LIMIT_SIGN_IN,
        security=BY_ANYBODY,
        status_code=200,
        operation_class=body(AuthRestoreRequest, RESTORE),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(
                *(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
                likely={401: AuthenticationFailed(), 403: _OFF, 409: ConcurrentUpdate()},
            ),
        },
        summary="Take back a deletion",
    )
    async def restore(
        self,
        data: JSONBody[AuthRestoreRequest],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
        attempts: NamedDependency[SignInAttempts],
        source: NamedDependency[Source],
    ) -> ASGIResponse:
        """Take back the deletion of your account within the days of grace, and sign in."""
        name = account_name(data.username, data.email)
        async with attempts.guard(name, source):
            signed_in = await self_service.deletion.restore(name, data.password, origin=origin)
        return json_answer(AuthTokens.of(signed_in))
