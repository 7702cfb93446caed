"""Signing in by a mailed link or code, where AUTH_EMAIL_SIGN_IN allows it."""

from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthAccepted, AuthTokens, json_answer
from app.api.examples import CODE, CODE_SENT, EMAIL, LINK_SENT, TOKEN, TOKENS
from app.api.proving import AuthEmailAddress, AuthMailedToken
from app.api.responses import answer, body, errors
from app.limits import LIMIT_MAIL, LIMIT_SIGN_IN
from app.security import BY_ANYBODY, PUBLIC
from auth_core.credentials import SignInAttempts
from auth_core.kernel import Email, InvalidCode, InvalidLink, PermissionDenied
from auth_core.self_service import SelfService
from auth_core.sessions import SessionOrigin

_OFF = PermissionDenied("Signing in by mail is turned off here.")
_SENDING = errors(400, 403, 408, 413, 415, 422, 429, 503, likely={403: _OFF})


class AuthChallenge(AuthAccepted, frozen=True, kw_only=True):
    """A code is on its way, if there is an account; it works with this challenge only."""

    challenge_id: str

    def __repr__(self) -> str:
        return "AuthChallenge(…)"


class AuthCodeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The challenge that was answered, and the code that was mailed."""

    challenge_id: str
    code: Annotated[str, msgspec.Meta(examples=["123456"])]

    def __repr__(self) -> str:
        return "AuthCodeRequest(…)"


class MailSignInController(Controller):
    """Ways to a session by mail."""

    path = "/api/v1/auth/sign-in"
    tags = ("Sign-in",)
    opt = PUBLIC | LIMIT_SIGN_IN
    security = BY_ANYBODY

    @post(
        "/link",
        opt=LIMIT_MAIL,
        status_code=202,
        operation_class=body(AuthEmailAddress, EMAIL),
        responses={202: answer(AuthAccepted, LINK_SENT), **_SENDING},
        summary="Ask for a link that signs in",
    )
    async def send_link(
        self,
        data: JSONBody[AuthEmailAddress],
        self_service: NamedDependency[SelfService],
        attempts: NamedDependency[SignInAttempts],
    ) -> AuthAccepted:
        """Ask for a link. It goes to proven addresses only; the answer is always the same."""
        email = Email.parse(data.email)
        await attempts.letter(email)
        await self_service.sign_in.send_link(email)
        return msgspec.convert(LINK_SENT, AuthAccepted)

    @post(
        "/link/redeem",
        status_code=200,
        operation_class=body(AuthMailedToken, TOKEN),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(
                400, 403, 408, 413, 415, 422, 429, 503, likely={400: InvalidLink(), 403: _OFF}
            ),
        },
        summary="Sign in with a link",
    )
    async def redeem_link(
        self,
        data: JSONBody[AuthMailedToken],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
    ) -> ASGIResponse:
        """Sign in with the token of a mailed link, once."""
        signed_in = await self_service.sign_in.redeem_link(data.token, origin=origin)
        return json_answer(AuthTokens.of(signed_in))

    @post(
        "/code",
        opt=LIMIT_MAIL,
        status_code=202,
        operation_class=body(AuthEmailAddress, EMAIL),
        responses={202: answer(AuthChallenge, CODE_SENT), **_SENDING},
        summary="Ask for a code that signs in",
    )
    async def send_code(
        self,
        data: JSONBody[AuthEmailAddress],
        self_service: NamedDependency[SelfService],
        attempts: NamedDependency[SignInAttempts],
    ) -> AuthChallenge:
        """Ask for a 6-digit code. Keep the challenge: the code works with it only."""
        email = Email.parse(data.email)
        await attempts.letter(email)
        challenge = await self_service.sign_in.send_code(email)
        return AuthChallenge(message=str(CODE_SENT["message"]), challenge_id=challenge.reveal())

    @post(
        "/code/redeem",
        status_code=200,
        operation_class=body(AuthCodeRequest, CODE),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(
                400, 403, 408, 413, 415, 422, 429, 503, likely={400: InvalidCode(), 403: _OFF}
            ),
        },
        summary="Sign in with a code",
    )
    async def redeem_code(
        self,
        data: JSONBody[AuthCodeRequest],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
    ) -> ASGIResponse:
        """Sign in with a code, once; after five wrong ones the challenge is over."""
        signed_in = await self_service.sign_in.redeem_code(
            data.challenge_id, data.code, origin=origin
        )
        return json_answer(AuthTokens.of(signed_in))
