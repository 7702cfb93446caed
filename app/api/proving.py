"""Proving the address of a registration, or of an account that exists.

No GET takes a link: mail scanners follow them (SEC-17). The pages of `app.pages` ask for a click.
"""

from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import AuthAccepted, AuthDone, AuthTokens, json_answer
from app.api.examples import ADDRESS_PROVEN, EMAIL, LINK_SENT, TOKEN, TOKENS
from app.api.responses import answer, body, errors
from app.limits import LIMIT_MAIL, LIMIT_SIGN_IN
from app.security import BY_ANYBODY, PUBLIC
from auth_core.credentials import SignInAttempts
from auth_core.kernel import ConcurrentUpdate, Email, InvalidLink
from auth_core.self_service import SelfService
from auth_core.sessions import SessionOrigin

_REFUSED = {400: InvalidLink()}
_EMAIL = Annotated[str, msgspec.Meta(examples=["john.doe@example.com"])]


class AuthMailedToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token of a mailed link."""

    token: str

    def __repr__(self) -> str:
        return "AuthMailedToken(…)"


class AuthEmailAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to write to."""

    email: _EMAIL


class ProvingController(Controller):
    """Addresses that are to be proven."""

    path = "/api/v1/auth"
    tags = ("Account",)
    opt = PUBLIC | LIMIT_SIGN_IN
    security = BY_ANYBODY

    @post(
        "/verify-registration",
        operation_class=body(AuthMailedToken, TOKEN),
        responses={
            201: answer(AuthTokens, TOKENS),
            **errors(400, 408, 409, 413, 415, 422, 429, 503, likely=_REFUSED),
        },
        summary="Complete a registration",
    )
    async def verify_registration(
        self,
        data: JSONBody[AuthMailedToken],
        self_service: NamedDependency[SelfService],
        origin: NamedDependency[SessionOrigin],
    ) -> ASGIResponse:
        """Complete a registration and sign in. The account does not exist before this."""
        signed_in = await self_service.registration.verify(data.token, origin=origin)
        return json_answer(AuthTokens.of(signed_in), status=201)

    @post(
        "/verify-email",
        status_code=200,
        operation_class=body(AuthMailedToken, TOKEN),
        responses={
            200: answer(AuthDone, ADDRESS_PROVEN),
            **errors(
                *(400, 408, 409, 413, 415, 422, 429, 503),
                likely={**_REFUSED, 409: ConcurrentUpdate()},
            ),
        },
        summary="Prove your address",
    )
    async def verify_email(
        self,
        data: JSONBody[AuthMailedToken],
        self_service: NamedDependency[SelfService],
    ) -> AuthDone:
        """Prove the address of an account that exists."""
        await self_service.verify_email.confirm(data.token)
        return msgspec.convert(ADDRESS_PROVEN, AuthDone)

    @post(
        "/verify-email/resend",
        opt=LIMIT_MAIL,
        status_code=202,
        operation_class=body(AuthEmailAddress, EMAIL),
        responses={
            202: answer(AuthAccepted, LINK_SENT),
            **errors(400, 408, 413, 415, 422, 429, 503),
        },
        summary="Ask for a link that proves your address",
    )
    async def resend(
        self,
        data: JSONBody[AuthEmailAddress],
        self_service: NamedDependency[SelfService],
        attempts: NamedDependency[SignInAttempts],
    ) -> AuthAccepted:
        """Ask for a link. The answer is the same whether there is such an account or not."""
        email = Email.parse(data.email)
        await attempts.letter(email)
        await self_service.verify_email.send(email)
        return msgspec.convert(LINK_SENT, AuthAccepted)
