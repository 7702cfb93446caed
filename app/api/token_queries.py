"""POST /introspect (RFC 7662) and POST /revoke (RFC 7009), for registered callers."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.response.base import ASGIResponse

from app.api.answers import json_answer
from app.api.examples import INTROSPECTION
from app.api.responses import answer, errors
from app.limits import LIMIT_READ
from app.security import BY_CLIENT, CLIENTS_ONLY, FORM_CREDENTIALS, calling_client
from auth_core.clients import ClientPermission, ClientRegistry
from auth_core.kernel import InvalidClient, InvalidRequest, PermissionDenied
from auth_core.tokens import AccessClaims, LiveToken, TokenIntrospection

_MAX_PARAMETERS = 16
_PARAMETERS = ("token", "token_type_hint", "client_id", "client_secret")
_REFUSED = {400: InvalidRequest("Send exactly one `token`."), 401: InvalidClient()}
_REVOKE_REFUSED = {**_REFUSED, 403: PermissionDenied("This client may not revoke tokens.")}


class AuthActor(msgspec.Struct, frozen=True):
    """The administrator who acts for the user (RFC 8693 §4.1)."""

    sub: UUID


class AuthIntrospection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token is worth (RFC 7662 §2.2). All but ``active`` is there only if it is true."""

    active: bool
    token_type: Literal["Bearer", "refresh_token"] | None = None
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    sub: UUID | None = None
    sid: UUID | None = None
    iss: str | None = None
    aud: str | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None
    act: AuthActor | None = None


_INACTIVE = AuthIntrospection(active=False)


def _form(action: str) -> type[Operation]:
    """The operation of a route that takes a token in a form."""

    @dataclass
    class TokenForm(Operation):
        def __post_init__(self) -> None:
            text = Schema(type="string")  # type: ignore[arg-type]
            schema = Schema(
                type="object",  # type: ignore[arg-type]
                required=["token"],
                properties=dict.fromkeys(_PARAMETERS, text),
            )
            example = Example(value={"token": "eyJhbGciOiJSUzI1NiIs…"})
            media = OpenAPIMediaType(schema=schema, examples={"body": example})
            self.request_body = RequestBody(
                description=f"The token to {action}, and the client's credentials unless they"
                " stand in the header.",
                content={"application/x-www-form-urlencoded": media},
                required=True,
            )

    return TokenForm


class TokenQueryController(Controller):
    """Asking about tokens."""

    path = "/api/v1/auth"
    tags = ("Tokens",)
    opt = CLIENTS_ONLY | FORM_CREDENTIALS | LIMIT_READ
    security = BY_CLIENT

    @post(
        "/introspect",
        status_code=200,
        operation_class=_form("introspect"),
        responses={
            200: answer(AuthIntrospection, INTROSPECTION),
            **errors(400, 401, 408, 413, 415, 422, 503, likely=_REFUSED),
        },
        summary="Introspect a token",
    )
    async def introspect(
        self,
        request: Request[Any, Any, Any],
        introspection: NamedDependency[TokenIntrospection],
        clients: NamedDependency[ClientRegistry],
    ) -> ASGIResponse:
        """Ask what a token is worth right now. Needs the permission `introspect`."""
        form = _form_in(await request.body())
        client = calling_client(request.scope, form, clients)
        live = await introspection.introspect(_token(form), client)
        return json_answer(_INACTIVE if live is None else _of(live))

    @post(
        "/revoke",
        status_code=200,
        operation_class=_form("revoke"),
        responses=errors(400, 401, 403, 408, 413, 415, 422, 503, likely=_REVOKE_REFUSED),
        summary="Revoke a token",
    )
    async def revoke(
        self,
        request: Request[Any, Any, Any],
        introspection: NamedDependency[TokenIntrospection],
        clients: NamedDependency[ClientRegistry],
    ) -> ASGIResponse:
        """End the session of a token. 200 also when there is nothing to end (RFC 7009 §2.2)."""
        form = _form_in(await request.body())
        client = calling_client(request.scope, form, clients)
        if not client.may(ClientPermission.REVOKE):
            raise _REVOKE_REFUSED[403]
        await introspection.revoke(_token(form), client)
        return ASGIResponse()


def _of(live: LiveToken) -> AuthIntrospection:
    claims, session = live.claims, live.session
    if isinstance(claims, AccessClaims):
        return AuthIntrospection(
            active=True,
            token_type="Bearer",  # noqa: S106 - a type
            scope=" ".join(live.scopes),
            client_id=session.origin.client_id,
            username=claims.username,
            sub=claims.sub,
            sid=claims.sid,
            iss=claims.iss,
            aud=claims.aud,
            jti=claims.jti,
            iat=claims.iat,
            exp=claims.exp,
            act=None if claims.act is msgspec.UNSET else AuthActor(claims.act.sub),
        )
    return AuthIntrospection(
        active=True,
        token_type="refresh_token",  # noqa: S106 - a type
        client_id=session.origin.client_id,
        sub=claims.sub,
        sid=claims.sid,
        jti=claims.jti,
        iat=claims.iat,
        exp=claims.exp,
    )


def _form_in(body: bytes) -> dict[str, str]:
    """The parameters of a form, of which none may come twice (RFC 6749 §3.2, SEC-39)."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError as error:
        raise _REFUSED[400] from error
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise _REFUSED[400]
    return parameters


def _token(form: dict[str, str]) -> str:
    token = form.get("token")
    if not token:
        raise _REFUSED[400]
    return token
