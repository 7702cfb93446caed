"""What other services read: the public keys and the discovery document."""

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from app.api.examples import DISCOVERY, JWKS
from app.api.responses import answer, errors
from app.security import BY_ANYBODY, PUBLIC
from auth_core.core import Options
from auth_core.keys import KeyService, PublicJwk

JWKS_MAX_AGE = 300
"""Seconds; our gateways cache this long."""


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
    opt = PUBLIC
    security = BY_ANYBODY

    @get(
        "/jwks.json",
        responses={200: answer(AuthJwks, JWKS), **errors(503)},
        summary="Read the public keys",
    )
    async def jwks(self, keys: NamedDependency[KeyService]) -> Response[AuthJwks]:
        """Read the public keys."""
        ring = await keys.ring()
        return Response(
            AuthJwks(ring.jwks()["keys"]),
            headers={"Cache-Control": f"public, max-age={JWKS_MAX_AGE}"},
        )

    @get(
        "/openid-configuration",
        responses={200: answer(AuthDiscovery, DISCOVERY), **errors()},
        summary="Read the discovery document",
    )
    async def discovery(self, options: NamedDependency[Options]) -> AuthDiscovery:
        """Read the discovery document. Its addresses follow the issuer, never the request."""
        return AuthDiscovery(
            issuer=options.issuer,
            jwks_uri=f"{options.issuer.rstrip('/')}/.well-known/jwks.json",
            id_token_signing_alg_values_supported=("RS256",),
            claims_supported=(
                *("sub", "iss", "aud", "iat", "exp", "jti", "sid", "username", "email"),
                *("email_verified", "roles", "scopes", "organization_id"),
            ),
        )
