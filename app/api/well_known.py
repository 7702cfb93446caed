"""What other services read: the public keys and the discovery document."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from app.api.authzen import AuthZenConfiguration
from app.api.conditional import entity_tag, is_not_modified
from app.api.examples import DECISION_POINT, DISCOVERY, JWKS
from app.api.responses import answer, errors
from app.limits import LIMIT_NONE
from app.security import BY_ANYBODY, PUBLIC
from auth_core.core import Options
from auth_core.keys import KeyService, KeyUse, PublicJwk


class AuthJwks(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517 §5). The first key is the one that signs now."""

    keys: list[PublicJwk]


class AuthDiscovery(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are (OpenID Connect Discovery 1.0 §3, as far as this service goes)."""

    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...] = ()
    subject_types_supported: tuple[str, ...] = ("public",)
    claims_supported: tuple[str, ...]


class WellKnownController(Controller):
    """Metadata for relying services."""

    path = "/.well-known"
    tags = ("Metadata",)
    opt = PUBLIC | LIMIT_NONE
    security = BY_ANYBODY

    @get(
        "/jwks.json",
        responses={200: answer(AuthJwks, JWKS), **errors(503)},
        summary="Read the public keys",
    )
    async def jwks(
        self,
        request: Request[Any, Any, Any],
        keys: NamedDependency[KeyService],
        options: NamedDependency[Options],
    ) -> Response[AuthJwks | None]:
        """Read the public keys."""
        document = AuthJwks((await keys.ring()).jwks()["keys"])
        tag = entity_tag(document)
        headers = {
            "Cache-Control": f"public, max-age={int(options.jwks_max_age.total_seconds())}",
            "ETag": tag,
        }
        if is_not_modified(request.headers.getall("If-None-Match", []), tag):
            return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(document, headers=headers)

    @get(
        "/openid-configuration",
        responses={200: answer(AuthDiscovery, DISCOVERY), **errors(503)},
        summary="Read the discovery document",
    )
    async def discovery(
        self, options: NamedDependency[Options], keys: NamedDependency[KeyService]
    ) -> AuthDiscovery:
        """Read the discovery document. Its addresses follow the issuer, never the request."""
        return AuthDiscovery(
            issuer=options.issuer,
            jwks_uri=f"{options.issuer.rstrip('/')}/.well-known/jwks.json",
            id_token_signing_alg_values_supported=(await keys.ring()).algorithms(KeyUse.ACCESS),
            claims_supported=(
                *("sub", "iss", "aud", "iat", "exp", "jti", "sid", "username", "email"),
                *("email_verified", "roles", "scopes", "organization_id"),
                *(("permissions",) if options.permissions_claim else ()),
            ),
        )

    @get(
        "/authzen-configuration",
        responses={200: answer(AuthZenConfiguration, DECISION_POINT), **errors()},
        summary="Read where decisions are made",
    )
    async def decision_point(
        self, decision_point: NamedDependency[AuthZenConfiguration]
    ) -> AuthZenConfiguration:
        """Read the metadata of the policy decision point (AuthZEN 1.0). It follows the settings."""
        return decision_point
