"""POST /register, /login and their development twins."""

from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthAccepted, AuthTokens, json_answer
from app.api.examples import LOGIN, PROOF_NEEDED, REGISTRATION, REGISTRATION_ACCEPTED, TOKENS
from app.api.responses import answer, body, errors
from app.limits import LIMIT_REGISTER, LIMIT_SIGN_IN
from app.security import BY_ANYBODY_OR_CLIENT, CLIENTS_WELCOME, DEVELOPMENT_ONLY, PUBLIC
from auth_core.credentials import SignInAttempts
from auth_core.kernel import (
    AuthenticationFailed,
    Email,
    FieldProblem,
    InvalidClient,
    InvalidInput,
    InvalidLink,
    PermissionDenied,
    RegistrationClosed,
    Source,
    Username,
)
from auth_core.organizations import InvitationToken
from auth_core.self_service import SelfService
from auth_core.sessions import SessionOrigin
from auth_core.tokens import SignIn
from auth_core.users import Registration

_Password = Annotated[str, msgspec.Meta(description="Needed outside development.")]


class AuthRegisterRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new account. Unknown fields are ignored: older clients send some."""

    username: Annotated[
        str,
        msgspec.Meta(
            description="3 to 50 characters: letters a-z, digits, '.', '_', '-', or an address.",
            examples=["john.doe"],
            extra_json_schema={"extra": {"minLength": 3, "maxLength": 50}},
        ),
    ]
    email: Annotated[str, msgspec.Meta(examples=["john.doe@example.com"])] | None = None
    display_name: (
        Annotated[
            str,
            msgspec.Meta(examples=["John Doe"], extra_json_schema={"extra": {"maxLength": 100}}),
        ]
        | None
    ) = None
    password: _Password | None = None
    invitation_token: (
        Annotated[
            str,
            msgspec.Meta(
                description="Needed where registration is by invitation. An organization's works"
                " wherever people can register, proves its address, and makes a member."
            ),
        ]
        | None
    ) = None

    def __repr__(self) -> str:
        return "AuthRegisterRequest(…)"


class AuthLoginRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Either name of an account. A user name that is an address is looked up as one."""

    username: Annotated[str, msgspec.Meta(examples=["john.doe"])] | None = None
    email: Annotated[str, msgspec.Meta(examples=["john.doe@example.com"])] | None = None
    password: _Password | None = None

    def __repr__(self) -> str:
        return "AuthLoginRequest(…)"

    def name(self) -> Username | Email:
        """The canonical name to look up; raises InvalidInput."""
        return account_name(self.username, self.email)


def account_name(username: str | None, email: str | None) -> Username | Email:
    """The canonical name to look an account up by; raises InvalidInput."""
    if username is not None:
        if "@" in username:
            return Email.parse(username, field="username")
        return Username.parse(username)
    if email is not None:
        return Email.parse(email)
    raise InvalidInput(
        FieldProblem(field="username", type="missing", message="a user name or an e-mail")
    )


_SIGNED_IN = answer(AuthTokens, TOKENS)
_REGISTERING = body(AuthRegisterRequest, REGISTRATION)
_LOGGING_IN = body(AuthLoginRequest, LOGIN)
_NOT_REGISTERED = {400: InvalidLink(), 401: InvalidClient(), 403: RegistrationClosed()}
_PROOF_NEEDED = answer(AuthAccepted, REGISTRATION_ACCEPTED)
_LOGIN_REFUSED = {
    401: AuthenticationFailed(),
    403: PermissionDenied("Signing in with a password is turned off here."),
}


class SignInController(Controller):
    """Ways to a session."""

    path = "/api/v1/auth"
    tags = ("Sign-in",)
    opt = PUBLIC | CLIENTS_WELCOME
    security = BY_ANYBODY_OR_CLIENT

    @post(
        "/register",
        opt=LIMIT_REGISTER,
        operation_class=_REGISTERING,
        responses={
            201: _SIGNED_IN,
            202: _PROOF_NEEDED,
            **errors(400, 401, 403, 408, 409, 413, 415, 422, 429, 503, likely=_NOT_REGISTERED),
        },
        summary="Register",
    )
    async def register(
        self,
        data: JSONBody[AuthRegisterRequest],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
        attempts: NamedDependency[SignInAttempts],
    ) -> ASGIResponse:
        """Register. Outside development a password is needed.

        Where addresses are proven first, the answer is 202 whatever is taken: see your mail. A
        registered client that authenticates binds the session to itself: only it can refresh it.
        """
        return await _register(data, self_service, origin, attempts)

    @post(
        "/login",
        opt=LIMIT_SIGN_IN,
        status_code=200,
        operation_class=_LOGGING_IN,
        responses={
            200: _SIGNED_IN,
            **errors(400, 401, 403, 408, 413, 415, 422, 429, 503, likely=_LOGIN_REFUSED),
        },
        summary="Log in",
    )
    async def login(
        self,
        data: JSONBody[AuthLoginRequest],
        sign_in: NamedDependency[SignIn],
        origin: NamedDependency[SessionOrigin],
        attempts: NamedDependency[SignInAttempts],
        source: NamedDependency[Source],
    ) -> ASGIResponse:
        """Log in. By user name or e-mail; outside development a password is needed.

        A registered client that authenticates binds the session to itself: only it can refresh it.
        """
        name = data.name()
        async with attempts.guard(name, source):
            return await _log_in(name, data.password, sign_in, origin)


class DevelopmentSignInController(Controller):
    """Password-less sign-in, for development only."""

    path = "/api/v1/auth"
    tags = ("Development",)
    opt = PUBLIC | CLIENTS_WELCOME | DEVELOPMENT_ONLY
    security = BY_ANYBODY_OR_CLIENT

    @post(
        "/dev-register",
        opt=LIMIT_REGISTER,
        operation_class=_REGISTERING,
        responses={
            201: _SIGNED_IN,
            202: _PROOF_NEEDED,
            **errors(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, likely=_NOT_REGISTERED),
        },
        summary="Register in development",
    )
    async def dev_register(
        self,
        data: JSONBody[AuthRegisterRequest],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
        attempts: NamedDependency[SignInAttempts],
    ) -> ASGIResponse:
        """Register without a password. 404 outside development."""
        return await _register(data, self_service, origin, attempts)

    @post(
        "/dev-login",
        opt=LIMIT_SIGN_IN,
        status_code=200,
        operation_class=_LOGGING_IN,
        responses={
            200: _SIGNED_IN,
            **errors(400, 401, 403, 404, 408, 413, 415, 422, 429, 503, likely=_LOGIN_REFUSED),
        },
        summary="Log in in development",
    )
    async def dev_login(
        self,
        data: JSONBody[AuthLoginRequest],
        sign_in: NamedDependency[SignIn],
        origin: NamedDependency[SessionOrigin],
        attempts: NamedDependency[SignInAttempts],
        source: NamedDependency[Source],
    ) -> ASGIResponse:
        """Log in by name alone. 404 outside development."""
        name = data.name()
        async with attempts.guard(name, source):
            return await _log_in(name, data.password, sign_in, origin)


async def _register(
    data: AuthRegisterRequest,
    self_service: SelfService,
    origin: SessionOrigin,
    attempts: SignInAttempts,
) -> ASGIResponse:
    registration = Registration.parse(
        username=data.username, email=data.email, display_name=data.display_name
    )
    invitation = data.invitation_token
    if invitation is not None and InvitationToken.fits(invitation):
        joined = await self_service.joining.register(
            registration, data.password, invitation, origin=origin
        )
        return json_answer(AuthTokens.of(joined), status=201)
    if self_service.registration.writes_to(registration.email):
        await attempts.letter(registration.email)
    signed_in = await self_service.registration.register(
        registration, data.password, invitation=invitation, origin=origin
    )
    if signed_in is None:
        return json_answer(AuthAccepted(message=PROOF_NEEDED), status=202)
    return json_answer(AuthTokens.of(signed_in), status=201)


async def _log_in(
    name: Username | Email, password: str | None, sign_in: SignIn, origin: SessionOrigin
) -> ASGIResponse:
    signed_in = await sign_in.log_in(name, password, origin=origin)
    return json_answer(AuthTokens.of(signed_in))
